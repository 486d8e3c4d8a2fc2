"""Preflight answers what is asked before a run: whether the model will learn, whether it fits, how long it takes."""
