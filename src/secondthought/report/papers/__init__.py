"""The claims of each paper, and the verdict that runs allow on them."""

PAPERS = ("reflect-retry-reward", "four-habits")
"""Papers whose claims a report can judge, by the names that `claims` in a study's file takes."""
