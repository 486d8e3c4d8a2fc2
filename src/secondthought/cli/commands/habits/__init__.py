"""`secondthought habits ...` finds habits in texts, and tells how far two readings of the same texts agree."""
