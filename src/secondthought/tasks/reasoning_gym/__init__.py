"""Data sets of the library reasoning-gym are tasks (github.com/open-thought/reasoning-gym); needs the extra `gym`."""

from secondthought.tasks.reasoning_gym.task import ReasoningGym

__all__ = ["ReasoningGym"]
