"""A diagnosis shows what RL would find in a model: samples, the numbers that decide, and what to do next."""

from secondthought.preflight.diagnose.advice import Advice, advise, undecided
from secondthought.preflight.diagnose.measure import ModelDiagnosis, diagnose
from secondthought.preflight.diagnose.rules import RULES
from secondthought.preflight.diagnose.subject import Subject

__all__ = ["RULES", "Advice", "ModelDiagnosis", "Subject", "advise", "diagnose", "undecided"]
