"""A diagnosis shows what RL would find in a model: samples, the numbers that decide, and what to do next."""

from secondthought.preflight.diagnose.advice import RULES, Advice, advise, undecided
from secondthought.preflight.diagnose.measure import ModelDiagnosis, diagnose

__all__ = ["RULES", "Advice", "ModelDiagnosis", "advise", "diagnose", "undecided"]
