"""`secondthought plan` estimates memory, tokens and time of a run, a fine-tuning or a study before anything starts."""
