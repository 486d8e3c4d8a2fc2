"""Bridges to where users already are: what was written for another trainer or evaluator is used as it stands."""
