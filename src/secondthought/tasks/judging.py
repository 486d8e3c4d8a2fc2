"""Every verdict passes here: `judge` asks a task, and holds it to what a `Verdict` promises.

A task is somebody's code. What is plainly a number becomes one, such as numpy's and torch's scalars; what is none is an
error that names task, problem and value, before it becomes a wrong mean. So nothing else calls a task's `verify`.
"""

from __future__ import annotations

import inspect
from decimal import Decimal
from numbers import Real
from typing import Any

from secondthought.errors import SecondthoughtError, TaskError, shown
from secondthought.protocols import Task
from secondthought.text import whole
from secondthought.types import Problem, Verdict

MAX_REWARD = 1e9
"""Rewards of a larger size are refused: differences between them would drown in rounding."""
_PLAIN = (bool, float, str, bool, str)


def judge(task: Task, problem: Problem, text: str) -> Verdict:
    """Return the task's verdict of a completion; its fields have the types that `Verdict` says, and are finite.

    Raises:
        TaskError: `verify` raised, or returned no verdict; the sentence names the task, the problem and the value.
    """
    try:
        found: Any = task.verify(problem, text)
    except SecondthoughtError as error:
        raise TaskError(f"{_place(task, problem)}: {error}") from error
    except RecursionError as error:
        raise TaskError(f"{_place(task, problem)}: verify raised RecursionError: nested too deeply") from error
    except (Exception, SystemExit) as error:
        raise TaskError(f"{_place(task, problem)}: verify raised {type(error).__name__}: {error}") from error
    if not isinstance(found, Verdict):
        if inspect.iscoroutine(found):
            found.close()
        raise TaskError(
            f"{_place(task, problem)}: verify returned {shown(found)}, not a Verdict; return"
            " Verdict(correct=..., reward=..., reason=..., well_formed=...)"
        )
    return found if _is_plain(found) else _converted(found, _place(task, problem))


def number(value: Any) -> float | None:
    """Return what is plainly one number as a float: Python's own kinds, and arrays or tensors without an axis.

    >>> from fractions import Fraction
    >>> number(Fraction(1, 4)), number(True), number("1"), number([1.0])
    (0.25, 1.0, None, None)
    """
    try:
        if getattr(value, "ndim", None) == 0 and callable(getattr(value, "item", None)):
            value = value.item()
        return float(value) if isinstance(value, (Real, Decimal)) else None
    except (ArithmeticError, TypeError, ValueError, RuntimeError):  # too large, a signalling NaN, a tensor without data
        return None


def _is_plain(found: Verdict) -> bool:
    """Tell whether nothing is to be converted: so it is with nearly all verdicts, and they pass at once."""
    kinds = tuple(map(type, (found.correct, found.reward, found.reason, found.well_formed, found.feedback)))
    return kinds == _PLAIN and abs(found.reward) <= MAX_REWARD and (not found.feedback or _is_whole(found.feedback))


def _converted(found: Verdict, place: str) -> Verdict:
    reward = number(found.reward)
    if reward is None or not abs(reward) <= MAX_REWARD:
        raise TaskError(
            f"{place}: the verdict's reward is {shown(found.reward)}; it must be a finite number,"
            f" at most {MAX_REWARD:.0e} in size"
        )
    if not isinstance(found.reason, str):
        raise TaskError(
            f"{place}: the verdict's reason is {shown(found.reason)}; it must be one word of the task's own"
        )
    if not isinstance(found.feedback, str):
        raise TaskError(
            f"{place}: the verdict's feedback is {shown(found.feedback)}; it must be a text, or be left out"
        )
    return Verdict(
        correct=_truth(found.correct, "correct", place),
        reward=reward,
        reason=str(found.reason),
        well_formed=_truth(found.well_formed, "well_formed", place),
        feedback=whole(str(found.feedback)),
    )


def _is_whole(text: str) -> bool:
    """Tell whether a text may be said to a model: a task may quote half a character of what it judged."""
    return whole(text) == text


def _truth(value: Any, field: str, place: str) -> bool:
    known = number(value)
    if known not in (0.0, 1.0):
        raise TaskError(f"{place}: the verdict's {field} is {shown(value)}; it must be True or False")
    return known == 1.0


def _place(task: Task, problem: Problem) -> str:
    return f"task {task.name}, problem {problem.id}"
