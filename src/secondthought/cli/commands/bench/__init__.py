"""`secondthought bench ...` measures speed and memory, ours and that of peers, side by side in one call."""
