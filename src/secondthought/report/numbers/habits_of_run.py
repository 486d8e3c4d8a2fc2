"""A run's habits are gathered over its stored steps and its evaluations, and written as a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from secondthought.errors import RunError
from secondthought.progress import SILENT, Onlooker, each
from secondthought.protocols import Detector, Task
from secondthought.report.numbers.habit_points import HabitPoint, evaluation_points, picked, steps_points
from secondthought.runs import RunDirectory, files
from secondthought.stats import to_json

_PLACE = ("source", "step", "turn", "texts", "problems")
_RATES = ("presence", "mean_count", "per_1000_tokens", "right_difference")


def habits_of_run(
    path: Path,
    detector: Detector,
    task: Task | None = None,
    *,
    every: int = 1,
    most: int | None = None,
    onlooker: Onlooker = SILENT,
) -> dict[str, Any]:
    """Return all points of a run, as `secondthought habits RUN --json` shows them.

    Args:
        path: the run directory.
        detector: what finds the habits.
        task: reads the problems, for a detector that wants to know them.
        every: read every n-th stored step.
        most: groups of a step, and problems of an evaluation, to read; None reads all.
        onlooker: who is told how far the reading is.

    Raises:
        RunError: there is no run, or it kept neither episodes nor evaluations.
    """
    run = RunDirectory.open(path)
    steps = run.episode_steps()[::every]
    trained = list(steps_points(run, each(steps, "stored steps", onlooker, len(steps)), detector, task, most=most))
    # As time runs: before training, its steps, then what came after.
    with onlooker.stage("evaluations"):
        evaluated = list(evaluation_points(run, detector, task, most=most))
    before = [point for point in evaluated if point.source.startswith("before")]
    points = [*before, *trained, *(point for point in evaluated if point not in before)]
    if not points:
        raise RunError(
            f"{path}: keeps no episodes and no evaluations: a run of `train sft` has none, any other keeps episodes "
            "with --train.episode-groups above 0"
        )
    shown = [point.to_json() for point in points]
    return {"run": str(path), "detector": detector.name, "points": shown, "picked": _picked(trained)}


def _picked(trained: Sequence[HabitPoint]) -> list[dict[str, Any]]:
    """Pool what the reward picked over the stored steps, for each kind of turn."""
    found = []
    for turn in dict.fromkeys(point.turn for point in trained):
        points = [point for point in trained if point.turn == turn]
        texts = sum(point.texts for point in points)
        found.append({"turn": turn, "texts": texts, "behaviors": to_json(picked(points))})
    return found


def write_csv(path: Path, found: Mapping[str, Any]) -> None:
    """Write the points in long form, one line per point and habit: what a plotting tool wants."""
    rates = [f"{name}{end}" for name in _RATES for end in ("", "_low", "_high")]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*_PLACE, "behavior", "missing", *rates])
    table.writerows(_long_form(found))
    with files.disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(path, text.getvalue())


def _long_form(found: Mapping[str, Any]) -> Iterator[list[Any]]:
    for point in found["points"]:
        for behavior, rates in point["behaviors"].items():
            values = [rates[name][end] for name in _RATES for end in ("estimate", "low", "high")]
            yield [*(point[name] for name in _PLACE), behavior, rates["missing"], *values]
