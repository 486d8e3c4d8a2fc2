"""What RL would find in a model, before any of it: samples, the numbers that decide, and what to do next."""

from secondthought.preflight.diagnose.advice import RULES, Advice, advise, undecided
from secondthought.preflight.diagnose.measure import Diagnosis, diagnose

__all__ = ["RULES", "Advice", "Diagnosis", "advise", "diagnose", "undecided"]
