"""The claims of each paper, and the verdict that runs allow on them."""
