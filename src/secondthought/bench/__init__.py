"""Measurements that anyone can repeat, one module each: its `run` returns settings, raw figures and ratios.

Training imports nothing from here. Peers run in their own interpreter and are left out by name where there is none.
"""
