"""Peers and how they are called: scripts for a peer's own interpreter, and `transformers`, which runs in ours.

The scripts speak JSON. They import nothing of secondthought, except that `trl_step` asks a task to judge answers.
"""
