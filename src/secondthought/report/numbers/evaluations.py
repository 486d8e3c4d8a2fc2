"""Evaluations that `secondthought eval --out` wrote are read here: models side by side, without any training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from secondthought.errors import RunError
from secondthought.report.numbers.gains import interval
from secondthought.report.numbers.runs import get, items
from secondthought.runs import files
from secondthought.stats import Interval

SUMMARY = "summary.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedModel:
    """An `EvaluatedModel` is one model on one task at one temperature."""

    model: str
    task: str
    temperature: float
    rates: Mapping[str, Any]
    controls: Mapping[str, Any]

    def rate(self, name: str) -> Interval:
        """Return a rate under the evaluation's name for it; undefined where it was not measured."""
        return interval(self.rates.get(name))

    def control(self, name: str) -> Interval:
        """Return how often retries of one control are right; undefined where it was not played."""
        return interval(self.controls.get(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenEvaluation:
    """A `WrittenEvaluation` is one directory: its models, and when it was written."""

    path: Path
    day: date
    problems: int
    split: str
    models: Sequence[EvaluatedModel]


def read_evaluation(path: Path) -> WrittenEvaluation:
    """Read one directory.

    Raises:
        RunError: its summary cannot be read, or holds no results.
    """
    summary = files.read_json(path / SUMMARY)
    models = [_model(item) for item in items(summary.get("results")) if isinstance(item, Mapping)]
    if not models:
        raise RunError(f"{path / SUMMARY}: holds no results; `secondthought eval --out DIRECTORY` writes them")
    return WrittenEvaluation(
        path=path,
        day=date.fromtimestamp((path / SUMMARY).stat().st_mtime),
        problems=_whole(summary.get("problems")),
        split=str(summary.get("split") or "test"),
        models=models,
    )


def _model(item: Mapping[str, Any]) -> EvaluatedModel:
    return EvaluatedModel(
        model=str(item.get("model")),
        task=str(item.get("task")),
        temperature=_number(item.get("temperature")),
        rates=_table(get(item, "rates")),
        controls=_table(get(item, "controls")),
    )


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")
