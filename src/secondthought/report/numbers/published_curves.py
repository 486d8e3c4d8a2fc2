"""Published curves of Four Habits are read from the authors' files, one per model, one seed each.

A row has condition, step, accuracy, and mean counts by their judge. The files are not part of this package.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from secondthought.disk import read_text, why_unread
from secondthought.errors import RunError
from secondthought.report.numbers.primed_arms import base_of, priming_of
from secondthought.report.numbers.runs import Arm

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

Curves: TypeAlias = dict[str, list[tuple[float, float, float]]]
"""Condition to (step, accuracy, verifications + backtracks a completion)."""


class PublishedCurves(NamedTuple):
    """`PublishedCurves` are those of one model, by condition."""

    model: str
    curves: Curves


def read_published(path: Path) -> Curves:
    """Read the curves of one file.

    Raises:
        RunError: it cannot be read, or lacks a column.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(path), newline="")))
    except OSError as error:
        raise RunError(why_unread(path, error)) from None
    except ValueError as error:
        raise RunError(f"{path}: {error}") from None
    except csv.Error as error:
        raise RunError(f"{path}: cannot be read: {error}") from None
    if not rows:
        raise RunError(f"{path}: holds no rows; give a file of published curves, as qwen_results.csv")
    found: Curves = {}
    for number, row in enumerate(rows, 2):
        try:
            found.setdefault(row["condition"], []).append(_values(row))
        except (KeyError, TypeError, ValueError):
            names = ", ".join(("condition", "step", "accuracy", *COUNTS))
            raise RunError(f"{path}, line {number}: not a row of published curves; it needs {names}") from None
    return {name: sorted(set(points)) for name, points in found.items()}


def read_all(paths: Sequence[Path]) -> list[PublishedCurves]:
    """Read the curves of all files, each with the name of its model.

    Raises:
        RunError: one cannot be read, or lacks a column.
    """
    return [PublishedCurves(path.stem.removesuffix("_results"), read_published(path)) for path in paths]


def condition_of(arm: Arm) -> str | None:
    """Return what the files call an arm's counterpart; None where it has none."""
    if not base_of(arm):
        return None
    priming = priming_of(arm)
    return COUNTERPARTS.get(priming) if priming else UNPRIMED


def _values(row: Mapping[str, str]) -> tuple[float, float, float]:
    values = float(row["step"]), float(row["accuracy"]), sum(float(row[name]) for name in COUNTS)
    if not all(map(math.isfinite, values)):
        raise ValueError
    return values
