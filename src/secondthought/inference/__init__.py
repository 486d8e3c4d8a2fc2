"""Whatever continues tokens: a local model, a script; endpoints that answer in text are in `chat`."""
