"""Code that a model wrote runs in a process that can compute, answer, and do nothing else."""
