"""Countdown: the task, its generator, exact solver, verifier, and the reading of reflections."""

from secondthought.tasks.countdown.task import Countdown

__all__ = ["Countdown"]
