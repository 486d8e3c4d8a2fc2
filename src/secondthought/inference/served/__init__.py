"""A vLLM server samples in place of this process: token ids in and out, weights brought over, and a probe of both."""
