"""Measurements that anyone can repeat, one module each: every one returns settings, raw figures and ratios.

Nothing here is imported by training. Peers run in their own interpreter and are left out by name where there is none.
"""
