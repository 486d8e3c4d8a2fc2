"""Mathematics of competitions: answers are formulas, compared by what they mean in a process of its own."""

from secondthought.tasks.mathematics.task import Math

__all__ = ["Math"]
