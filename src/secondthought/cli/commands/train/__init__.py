"""`secondthought train ...`: reinforcement learning, and fine-tuning on completions that are given."""
