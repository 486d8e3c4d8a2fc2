"""`secondthought habits ...`: which behaviours texts show, and how far two readings of the same texts agree."""
