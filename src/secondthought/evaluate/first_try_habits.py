"""Habits are counted in the first tries of an evaluation, for a run's metrics and its summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from secondthought.evaluate import to_json
from secondthought.evaluate.rows import ProblemRow
from secondthought.habits.detectors import detector
from secondthought.habits.rates import HabitSummary, Observed, summarise_habits
from secondthought.protocols import Detector, Task
from secondthought.stats import mean_interval
from secondthought.types import Problem, Thought

NONE = "none"
"""The name of no detector: nothing is counted."""


def chosen(name: str, task: Task) -> Detector | None:
    """Return the detector that the setting `evaluation.habits` names; None for `none`.

    Raises:
        ConfigError: it is `functional`, and the task has no reader.
    """
    return None if name == NONE else detector(name, task)


def in_first_tries(rows: Sequence[ProblemRow], task: str, reads: Detector) -> HabitSummary:
    """Return the rates of what a detector finds."""
    thoughts = [
        Thought(text=row.turns[0].text, problem=Problem(id=row.problem_id, task=task, messages=(), data=row.data))
        for row in rows
    ]
    observed = [
        Observed(
            counts=reading.counts,
            words=len(thought.text.split()),
            tokens=row.turns[0].num_tokens,
            correct=row.solved_by(1),
        )
        for row, thought, reading in zip(rows, thoughts, reads.detect(thoughts), strict=True)
    ]
    return summarise_habits(observed, reads.behaviors)


def metrics(rows: Sequence[ProblemRow], task: str, reads: Detector | None) -> dict[str, float]:
    """Return presence and mean count of each behaviour (docs/metrics.md); nothing without a detector."""
    if reads is None:
        return {}
    found: dict[str, float] = {}
    for behavior, habit in in_first_tries(rows, task, reads).behaviors.items():
        found[f"behavior/{behavior}/presence"] = habit.all.presence.estimate
        found[f"behavior/{behavior}/mean_count"] = habit.all.mean_count.estimate
    return found


def rates(rows: Sequence[ProblemRow], task: str, reads: Detector | None) -> dict[str, Any]:
    """Return the same with intervals, and the length of a first try, as `summary.json` holds them."""
    length = to_json({"attempt_length": mean_interval([row.turns[0].num_tokens for row in rows])})
    return length if reads is None else {**length, "habits": in_first_tries(rows, task, reads).to_json()}


def mean_length(rows: Sequence[ProblemRow]) -> float:
    """Return the mean number of tokens of a first try; NaN where there is none."""
    return mean_interval([row.turns[0].num_tokens for row in rows]).estimate
