"""Habits are drawn over steps, from the groups that runs stored, in the form of the other curves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from secondthought.report.numbers.habit_points import HabitPoint
from secondthought.report.numbers.inputs import ReportInputs
from secondthought.report.numbers.run_habits import RunHabits
from secondthought.report.numbers.runs import Arm
from secondthought.report.page.curves import ChartSpec, drawn_charts, per_metric
from secondthought.report.page.figures import DrawnCharts
from secondthought.report.page.marked_text import HABITS


def habit_charts(inputs: ReportInputs) -> DrawnCharts:
    """Draw what was found; name the charts without data, and the habits that were looked for in vain."""
    arms = [_with_counts(arm, inputs.habits) for arm in inputs.arms]
    rows = [row for arm in arms for run in arm.runs for row in run.metrics]
    in_vain = _names(rows, lambda value: value == 0) - _names(rows, lambda value: value > 0)
    readers = {reader.letter: reader.name for of_run in inputs.readers.values() for reader in of_run}
    specs = {name: _spec(letter, name) for letter, name in readers.items()}
    never = [f"{name} ({', '.join(vain)})" for name, spec in specs.items() if (vain := _named_in(spec, in_vain))]
    # Without the counts of what was never found: their lines would lie on each other at zero.
    arms = [_without(arm, in_vain) for arm in arms]
    some = [spec for spec in specs.values() if not {metric for metric, _ in spec.metrics} <= in_vain]
    each = [one for one in per_metric(some) if one.metrics[0][0] not in in_vain] if len(arms) > 1 else some
    drawn = drawn_charts(arms, each)
    return DrawnCharts(drawn.charts, drawn.absent, never)


def _names(rows: Sequence[Mapping[str, float]], holds: Callable[[float], bool]) -> set[str]:
    return {name for row in rows for name, value in row.items() if holds(value)}


def _named_in(spec: ChartSpec, metrics: Collection[str]) -> list[str]:
    return [name for metric, name in spec.metrics if metric in metrics]


def _without(arm: Arm, metrics: Collection[str]) -> Arm:
    """Return the arm without some metrics of its runs."""
    rows = [[{name: row[name] for name in row if name not in metrics} for row in run.metrics] for run in arm.runs]
    return replace(arm, runs=tuple(replace(run, metrics=kept) for run, kept in zip(arm.runs, rows, strict=True)))


def _spec(letter: str, name: str) -> ChartSpec:
    return ChartSpec(
        f"Habits, {name}",
        f"Finds per text, {name}, in the turn that a branch begins with.",
        tuple((_metric(letter, habit), habit.replace("_", " ")) for habit in HABITS),
    )


def _metric(letter: str, habit: str) -> str:
    return f"behavior/{letter}/{habit}"


def _with_counts(arm: Arm, habits: Mapping[str, Sequence[RunHabits]]) -> Arm:
    """Return the arm with counts of habits for the metrics of its runs."""
    return replace(arm, runs=tuple(replace(run, metrics=_rows(habits.get(run.label, ()))) for run in arm.runs))


def _rows(found: Sequence[RunHabits]) -> list[dict[str, float]]:
    return [
        {"step": float(point.step), **_values(one.reader.letter, point)}
        for one in found
        for point in one.points
        if point.step is not None
    ]


def _values(letter: str, point: HabitPoint) -> dict[str, float]:
    values: dict[str, float] = {}
    for name, rates in point.habits.items():
        key, found = _metric(letter, name), rates.mean_count
        values |= {key: found.estimate, f"{key}_low": found.low, f"{key}_high": found.high}
    return values
