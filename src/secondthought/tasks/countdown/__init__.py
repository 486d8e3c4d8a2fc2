"""Countdown is a task with generator, exact solver and verifier; `reading` and `writing` are about its thoughts."""

from secondthought.tasks.countdown.task import Countdown

__all__ = ["Countdown"]
