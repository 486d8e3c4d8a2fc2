"""Published curves of Four Habits beside ours: each arm with its counterpart, on the same axes.

The files are the authors' (condition, step, accuracy, mean counts by their judge), one per model, one seed each; they
are not part of this package. Their 250 steps are drawn over the length of ours. Their counts come from a judge, ours
from the detector that the run names, so shapes may be compared and heights may not.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from secondthought.errors import RunError
from secondthought.report.numbers.runs import Arm
from secondthought.report.page.curves import Chart
from secondthought.report.page.figures import Line, Point, line_chart
from secondthought.report.page.habit_table import base_of, priming_of

COUNTERPARTS = {
    "all-strategies": "all_strategies",
    "own-wrong": "no_positive_all_strategies",
    "incorrect-only": "no_positive_all_strategies",
    "backtracking": "only_backtracking",
    "backtracking-verification": "backtracking_verification",
    "backtracking-subgoals": "backtracking_subgoal",
    "backtracking-backward": "backtracking_backward",
    "empty": "empty_cot",
    "dots": "dots",
}
"""Names of priming sets here, and of conditions in the files."""
UNPRIMED = "base_ppo"
COUNTS = ("avg_verifications", "avg_backtracking")
_OURS = ("behavior/verification/mean_count", "behavior/backtracking/mean_count")

Curve: TypeAlias = dict[str, list[tuple[float, float, float]]]
"""Condition to (step, accuracy, verifications + backtracks a completion)."""


def read_published(path: Path) -> Curve:
    """The curves of one file.

    Raises:
        RunError: it cannot be read, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RunError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not rows:
        raise RunError(f"{path}: holds no rows; give a file of published curves, as qwen_results.csv")
    found: Curve = {}
    for number, row in enumerate(rows, 2):
        try:
            values = float(row["step"]), float(row["accuracy"]), sum(float(row[name]) for name in COUNTS)
            if not all(map(math.isfinite, values)):
                raise ValueError
            found.setdefault(row["condition"], []).append(values)
        except (KeyError, TypeError, ValueError):
            names = ", ".join(("condition", "step", "accuracy", *COUNTS))
            raise RunError(f"{path}, line {number}: not a row of published curves; it needs {names}") from None
    return {name: sorted(set(points)) for name, points in found.items()}


def read_all(paths: Sequence[Path]) -> list[tuple[str, Curve]]:
    """The curves of all files, each with the name of its model.

    Raises:
        RunError: one cannot be read, or lacks a column.
    """
    return [(path.stem.removesuffix("_results"), read_published(path)) for path in paths]


def published_charts(arms: Sequence[Arm], paths: Sequence[Path]) -> list[Chart]:
    """Two charts per arm that has a counterpart: accuracy, and how often it verifies and starts again."""
    curves = read_all(paths)
    return [chart for arm in arms for chart in _of_arm(arm, curves)]


def condition_of(arm: Arm) -> str | None:
    """What the files call an arm's counterpart; None where it has none."""
    if not base_of(arm):
        return None
    priming = priming_of(arm)
    return COUNTERPARTS.get(priming) if priming else UNPRIMED


def _of_arm(arm: Arm, curves: Sequence[tuple[str, Curve]]) -> Iterator[Chart]:
    condition = condition_of(arm)
    theirs = [(name, curve[condition]) for name, curve in curves if condition in curve]
    if not theirs:
        return
    for title, about, metrics, column, percent in (
        ("accuracy", "First try on validation problems.", ("eval/first_try",), 1, True),
        ("verifications and backtracks", "Mean number in a try; theirs by a judge.", _OURS, 2, False),
    ):
        ours = _series(arm, metrics)
        if ours:
            length = max(point.x for series in ours for point in series)
            lines = [Line(label=arm.name, colour=0, series=ours)]
            lines += [_line(name, points, column, length, place) for place, (name, points) in enumerate(theirs, 1)]
            svg = line_chart(lines, label=f"{arm.name}: {title} over steps, beside published curves", percent=percent)
            legend = tuple((line.label, line.colour) for line in lines)
            yield Chart(
                f"{arm.name}: {title}", f"{about} Published: {condition}, 250 steps drawn over ours.", legend, svg
            )


def _line(name: str, points: Sequence[tuple[float, float, float]], column: int, length: float, colour: int) -> Line:
    last = max(point[0] for point in points) or 1.0
    series = tuple(Point(point[0] / last * length, point[column]) for point in points)
    return Line(label=f"published, {name}", colour=colour, series=(series,))


def _series(arm: Arm, metrics: Sequence[str]) -> tuple[tuple[Point, ...], ...]:
    """One series per seed: the sum of some metrics at the steps that have all of them."""
    found = []
    for run in arm.runs:
        points = tuple(
            Point(row["step"], sum(row[name] for name in metrics))
            for row in run.metrics
            if all(name in row and row[name] == row[name] for name in metrics)
        )
        if points:
            found.append(points)
    return tuple(found)
