"""`secondthought train ...` trains by reinforcement learning, or on completions that are given."""
