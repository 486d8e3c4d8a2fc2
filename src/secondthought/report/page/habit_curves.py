"""Habits are drawn over steps, from the groups that runs stored, in the form of the other curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from secondthought.report.numbers.habit_points import HabitPoint, steps_points
from secondthought.report.numbers.inputs import ReportInputs
from secondthought.report.numbers.readers import Reader
from secondthought.report.numbers.runs import Arm, Run
from secondthought.report.page.browser import spaced
from secondthought.report.page.curves import ChartSpec, drawn_charts, per_metric
from secondthought.report.page.figures import DrawnCharts
from secondthought.report.page.marked_text import HABITS

MOST_STEPS_READ = 40
MOST_GROUPS_READ = 64
"""The groups of a step that are read, evenly spaced."""

_FIRST = ("reflection", "attempt", "retry")
"""Turns that a branch may begin with, in this order of choice."""


def habit_charts(inputs: ReportInputs) -> DrawnCharts:
    """Draw the charts in which something was found; name those without data, and what was looked for in vain."""
    arms = [_with_counts(arm, inputs.readers) for arm in inputs.arms]
    rows = [row for arm in arms for run in arm.runs for row in run.metrics]
    looked_for = {name for row in rows for name in row}
    in_vain = looked_for - {name for row in rows for name, value in row.items() if value > 0}
    names = {reader.letter: reader.name for of_run in inputs.readers.values() for reader in of_run}
    specs: list[ChartSpec] = []
    never: list[str] = []
    for letter, name in names.items():
        spec = _spec(letter, name)
        each = list(per_metric([spec])) if len(arms) > 1 else [spec]
        vain = [one for one in each if {metric for metric, _ in one.metrics} <= in_vain]
        if vain:
            never.append(f"{name} ({', '.join(habit for one in vain for _, habit in one.metrics)})")
        specs += [one for one in each if one not in vain]
    drawn = drawn_charts(arms, specs)
    return DrawnCharts(drawn.charts, drawn.absent, never)


def _spec(letter: str, name: str) -> ChartSpec:
    return ChartSpec(
        f"Habits, {name}",
        f"Finds per text, {name}, in the turn that a branch begins with.",
        tuple((_metric(letter, habit), habit.replace("_", " ")) for habit in HABITS),
    )


def _metric(letter: str, habit: str) -> str:
    return f"behavior/{letter}/{habit}"


def _with_counts(arm: Arm, readers: Mapping[str, Sequence[Reader]]) -> Arm:
    """Return the arm with counts of habits for the metrics of its runs."""
    return replace(arm, runs=tuple(_counted(run, readers.get(run.label, ())) for run in arm.runs))


def _counted(run: Run, readers: Sequence[Reader]) -> Run:
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
    for name, rates in point.habits.items():
        key, found = _metric(letter, name), rates.mean_count
        values |= {key: found.estimate, f"{key}_low": found.low, f"{key}_high": found.high}
    return values
