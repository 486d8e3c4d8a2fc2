"""The habits of a run are read once for a page, by each of its readers, in the turn that its branches begin with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from secondthought.report.numbers.habit_points import HabitPoint, steps_points
from secondthought.report.numbers.readers import Reader
from secondthought.report.numbers.runs import Run
from secondthought.report.numbers.spaced import spaced

MOST_STEPS_READ = 40
MOST_GROUPS_READ = 64
"""The groups of a step that are read, evenly spaced."""

_FIRST = ("reflection", "attempt", "retry")
"""Turns that a branch may begin with, in this order of choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHabits:
    """`RunHabits` are what a reader found in one kind of turn, a point for each stored step."""

    reader: Reader
    turn: str
    points: Sequence[HabitPoint]


def run_habits(run: Run, readers: Sequence[Reader]) -> list[RunHabits]:
    """Read what a run stored; a reader is left out where there is nothing to read."""
    steps = spaced(run.directory.episode_steps(), MOST_STEPS_READ)
    return [found for reader in readers for found in _read(run, reader, steps)]


def _read(run: Run, reader: Reader, steps: Sequence[int]) -> Iterator[RunHabits]:
    points = list(steps_points(run.directory, steps, reader, reader.task, most=MOST_GROUPS_READ))
    turn = next((kind for kind in _FIRST if any(point.turn == kind for point in points)), None)
    if turn is not None:
        yield RunHabits(reader=reader, turn=turn, points=[point for point in points if point.turn == turn])
