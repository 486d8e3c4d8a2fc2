"""`secondthought habits RUN`: behaviours over the stored steps of a run, and in its evaluations."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from secondthought.cli.summary_table import percent
from secondthought.errors import RunError
from secondthought.protocols import Detector, Task
from secondthought.runs import RunDirectory, files

_PLACE = ("source", "step", "turn", "texts", "problems")
_RATES = ("presence", "mean_count", "per_1000_tokens")


def curves(path: Path, detector: Detector, task: Task | None, every: int, most: int | None) -> dict[str, Any]:
    """All points of a run: every n-th stored step and all evaluations, `most` groups or problems of each.

    Raises:
        RunError: it is no run, or it kept neither episodes nor evaluations.
    """
    from secondthought.report.numbers.habit_points import (  # here, so that --help does without jinja2
        evaluation_points,
        steps_points,
    )

    run = RunDirectory.open(path)
    steps = [step for place, step in enumerate(run.episode_steps()) if place % every == 0]
    trained = steps_points(run, steps, detector, task, most=most)
    # As time runs: before training, its steps, then what came after.
    evaluated = list(evaluation_points(run, detector, task, most=most))
    before = [point for point in evaluated if point.source.startswith("before")]
    points = [*before, *trained, *(point for point in evaluated if point not in before)]
    if not points:
        raise RunError(
            f"{path}: keeps no episodes and no evaluations: a run of `train sft` has none, any other keeps episodes "
            "with --train.episode-groups above 0"
        )
    return {"run": str(path), "detector": detector.name, "points": [point.to_json() for point in points]}


def write_figure(path: Path, found: Mapping[str, Any]) -> None:
    """The points as a CSV file in long form, one line per point and behaviour: what a plotting tool wants."""
    rates = [f"{name}{end}" for name in _RATES for end in ("", "_low", "_high")]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*_PLACE, "behavior", "missing", *rates])
    table.writerows(_long_form(found))
    with files.disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(path, text.getvalue())


def table_rows(found: Mapping[str, Any]) -> tuple[list[str], list[Sequence[Any]]]:
    """Columns and rows for people: presence, and beneath it the mean count."""
    names = list(found["points"][0]["behaviors"])
    columns = ["", "turn", "texts", "right", "tokens", *(name.replace("_", " ") for name in names)]
    rows: list[Sequence[Any]] = []
    for point in found["points"]:
        place = point["source"] if point["step"] is None else f"step {point['step']}"
        cells = [_cell(point["behaviors"][name]) for name in names]
        accuracy, tokens = percent(point["accuracy"]), point["tokens"]["estimate"]
        rows.append([place, point["turn"], point["texts"], accuracy, f"{tokens:.1f}", *cells])
    return columns, rows


def number(value: Mapping[str, Any]) -> str:
    """An estimate and its bounds as they are.

    >>> number({"estimate": 0.5, "low": 0.25, "high": None})
    '0.5 [0.25, -]'
    """
    if value["estimate"] is None:
        return "-"
    low, high = ("-" if value[name] is None else f"{value[name]:.3g}" for name in ("low", "high"))
    return f"{value['estimate']:.3g} [{low}, {high}]"


def _cell(rates: Mapping[str, Any]) -> str:
    missing = f", {rates['missing']} missing" if rates["missing"] else ""
    return f"{percent(rates['presence'])}; {number(rates['mean_count'])}{missing}"


def _long_form(found: Mapping[str, Any]) -> Iterator[list[Any]]:
    for point in found["points"]:
        for behavior, rates in point["behaviors"].items():
            values = [rates[name][end] for name in _RATES for end in ("estimate", "low", "high")]
            yield [*(point[name] for name in _PLACE), behavior, rates["missing"], *values]
