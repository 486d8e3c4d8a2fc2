"""Published curves of Four Habits stand beside ours: each arm with its counterpart, on the same axes.

Their 250 steps are drawn over the length of ours. Their counts come from a judge, ours from the detector that the run
names, so shapes may be compared and heights may not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from secondthought.report.numbers.inputs import ReportInputs
from secondthought.report.numbers.published_curves import PublishedCurves, condition_of
from secondthought.report.numbers.runs import Arm
from secondthought.report.page.figures import Chart, ChartLine, ChartPoint, DrawnCharts, line_chart


class _Compared(NamedTuple):
    """`_Compared` is a number that both have: our metrics, of which the sum is drawn, and a column of their files."""

    title: str
    about: str
    metrics: tuple[str, ...]
    column: int
    percent: bool


_COMPARED = (
    _Compared("accuracy", "First try on validation problems.", ("eval/first_try",), 1, True),
    _Compared(
        "verifications and backtracks",
        "Mean number in a try; theirs by a judge.",
        ("behavior/verification/mean_count", "behavior/backtracking/mean_count"),
        2,
        False,
    ),
)


def published_charts(inputs: ReportInputs) -> DrawnCharts:
    """Draw two charts per arm that has a counterpart: accuracy, and how often it verifies and starts again."""
    return DrawnCharts([chart for arm in inputs.arms for chart in _of_arm(arm, inputs.published)])


def _of_arm(arm: Arm, published: Sequence[PublishedCurves]) -> Iterator[Chart]:
    condition = condition_of(arm)
    theirs = [(model, curves[condition]) for model, curves in published if condition in curves]
    for what in _COMPARED if theirs else ():
        ours = _series(arm, what.metrics)
        if not ours:
            continue
        length = max(point.x for series in ours for point in series)
        lines = [ChartLine(label=arm.name, colour=0, series=ours)]
        lines += [_line(name, points, what.column, length, place) for place, (name, points) in enumerate(theirs, 1)]
        label = f"{arm.name}: {what.title} over steps, beside published curves"
        yield Chart(
            f"{arm.name}: {what.title}",
            f"{what.about} Published: {condition}, 250 steps drawn over ours.",
            tuple((line.label, line.colour) for line in lines),
            line_chart(lines, label=label, percent=what.percent),
        )


def _line(
    name: str, points: Sequence[tuple[float, float, float]], column: int, length: float, colour: int
) -> ChartLine:
    last = max(point[0] for point in points) or 1.0
    series = tuple(ChartPoint(point[0] / last * length, point[column]) for point in points)
    return ChartLine(label=f"published, {name}", colour=colour, series=(series,))


def _series(arm: Arm, metrics: Sequence[str]) -> tuple[tuple[ChartPoint, ...], ...]:
    """Return one series per seed: the sum of some metrics at the steps that have all of them."""
    found = []
    for run in arm.runs:
        points = tuple(
            ChartPoint(row["step"], sum(row[name] for name in metrics))
            for row in run.metrics
            if all(name in row and row[name] == row[name] for name in metrics)
        )
        if points:
            found.append(points)
    return tuple(found)
