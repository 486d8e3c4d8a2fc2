"""Peers and how they are called: scripts run in a peer's own interpreter, and `transformers` runs in ours.

The scripts speak JSON. They find secondthought on their path, and import of it only what needs no library that a peer
may lack: `bench.clocks`, and in `trl_step` tasks, which verify answers.
"""
