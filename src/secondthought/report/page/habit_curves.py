"""Charts of behaviours over steps, from the groups that runs stored, in the form of the other curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from secondthought.report.numbers.habit_points import HabitPoint, steps_points
from secondthought.report.numbers.readers import Reader
from secondthought.report.numbers.runs import Arm, Run
from secondthought.report.page.browser import spaced
from secondthought.report.page.curves import Chart, Spec, charts, per_metric
from secondthought.report.page.marked_text import HABITS

MOST_STEPS_READ = 40
MOST_GROUPS_READ = 64
"""Of a step, evenly spaced."""

_FIRST = ("reflection", "attempt", "retry")
"""What a branch may begin with, in this order of choice."""


def habit_charts(
    arms: Sequence[Arm], readers: Mapping[str, Sequence[Reader]]
) -> tuple[list[Chart], list[str], list[str]]:
    """The charts in which something was found, the titles of those without data, and what was looked for in vain.

    Args:
        arms: the arms.
        readers: what reads the texts of a run, by its label.
    """
    read = [replace(arm, runs=tuple(_with_rows(run, readers.get(run.label, ())) for run in arm.runs)) for arm in arms]
    names = {reader.letter: reader.name for of_run in readers.values() for reader in of_run}
    rows = [row for arm in read for run in arm.runs for row in run.metrics]
    found = {name for row in rows for name, value in row.items() if value > 0}
    looked_for = {name for row in rows for name in row}
    specs: list[Spec] = []
    never: list[str] = []
    for letter, name in names.items():
        spec = _spec(letter, name)
        each = list(per_metric([spec])) if len(arms) > 1 else [spec]
        vain = [one for one in each if {metric for metric, _ in one.metrics} <= looked_for - found]
        if vain:
            never.append(f"{name} ({', '.join(habit for one in vain for _, habit in one.metrics)})")
        specs += [one for one in each if one not in vain]
    return *charts(read, specs), never


def _spec(letter: str, name: str) -> Spec:
    return Spec(
        f"Habits, {name}",
        f"Finds per text, {name}, in the turn that a branch begins with.",
        tuple((_metric(letter, habit), habit.replace("_", " ")) for habit in HABITS),
    )


def _metric(letter: str, habit: str) -> str:
    return f"behavior/{letter}/{habit}"


def _with_rows(run: Run, readers: Sequence[Reader]) -> Run:
    steps = spaced(run.directory.episode_steps(), MOST_STEPS_READ)
    return replace(run, metrics=[row for reader in readers for row in _rows(run, reader, steps)])


def _rows(run: Run, reader: Reader, steps: Sequence[int]) -> Iterator[dict[str, float]]:
    points = list(steps_points(run.directory, steps, reader, reader.task, most=MOST_GROUPS_READ))
    turn = next((kind for kind in _FIRST if any(point.turn == kind for point in points)), None)
    for point in points:
        if point.turn == turn and point.step is not None:
            yield {"step": float(point.step), **_values(reader.letter, point)}


def _values(letter: str, point: HabitPoint) -> dict[str, float]:
    values: dict[str, float] = {}
    for name, rates in point.behaviors.items():
        key, found = _metric(letter, name), rates.mean_count
        values |= {key: found.estimate, f"{key}_low": found.low, f"{key}_high": found.high}
    return values
