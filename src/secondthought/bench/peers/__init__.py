"""Scripts that run inside a peer's own interpreter: they import nothing of secondthought and speak JSON."""
