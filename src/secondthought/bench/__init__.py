"""Measurements that anyone can repeat: `verify`, `solve` and `update`; each returns settings, raw figures and ratios.

Nothing here is imported by training. Peers run in their own interpreter and are left out by name where there is none.
"""
