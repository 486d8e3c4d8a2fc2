"""Prompts are what a problem says to the policy: as a row stored it, or in the task's words, or its data in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secondthought.errors import TaskError
from secondthought.protocols import Task
from secondthought.report.numbers.runs import get, items


def prompt_of(row: Mapping[str, Any], task: Task | None = None) -> str:
    """Return the text of a stored problem.

    Args:
        row: a group of a step, or a problem of an evaluation.
        task: words the problem where the row, of an early version, holds its data alone.
    """
    return _asked(row) or _worded(row.get("data"), task) or in_words(row.get("data"))


def in_words(value: Any) -> str:
    """Return data as a person would read it out.

    >>> in_words({"numbers": [1, 5, 18], "target": 90}), in_words(None)
    ('numbers: 1, 5, 18; target: 90', '')
    """
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {in_words(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(in_words, value))
    return "" if value is None else str(value)


def _asked(row: Mapping[str, Any]) -> str:
    """Return the request of the first try that says what it answers."""
    tries = [turn for branch in items(row.get("branches")) for turn in items(get(branch, "tries"))]
    turns = [*items(row.get("history")), *items(row.get("turns")), *tries]
    return next((str(get(turn, "request")) for turn in turns if _is_first(turn) and get(turn, "request")), "")


def _is_first(turn: Any) -> bool:
    return str(get(turn, "kind")) == "attempt"


def _worded(data: Any, task: Task | None) -> str:
    if task is None or not isinstance(data, Mapping):
        return ""
    try:
        return task.parse(data).request
    except TaskError:
        return ""
