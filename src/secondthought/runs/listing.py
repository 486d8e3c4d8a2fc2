"""Runs are listed at a glance, a row per run directory, for `runs list` and `runs show`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from secondthought.errors import RunError
from secondthought.runs import declaration, lock
from secondthought.runs.directory import RunDirectory, is_run
from secondthought.runs.recorder import read_metrics

TEMPERATURE = "t1.0"
"""Rates in a row are at this temperature, the one of training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A `RunRow` sums up one run. Rates are at temperature 1, NaN where the run has not measured them."""

    path: str
    status: str
    arm: str
    seed: int | None
    steps: int
    first_try_before: float
    first_try_after: float
    second_try_before: float
    second_try_after: float


def list_runs(root: Path) -> list[RunRow]:
    """List the runs in a directory, by path: the directory itself if it is one, and those below it.

    Raises:
        RunError: the directory does not exist.
    """
    if not root.is_dir():
        raise RunError(f"{root}: no such directory")
    found = sorted(path.parent for path in root.rglob("config.json"))
    return [row(RunDirectory(path)) for path in found if is_run(path)]


def show_run(path: Path) -> dict[str, Any]:
    """Return all that is small of a run: row, config, environment, summary, evaluations, checkpoints, last metrics."""
    run = RunDirectory.open(path)
    metrics = read_metrics(run.metrics_path)
    return {
        "run": asdict(row(run)),
        "config": run.config(),
        "environment": run.environment(),
        "declared": declaration.read(run).model_dump(mode="json"),
        "summary": run.summary(),
        "evaluations": run.evaluations(),
        "checkpoints": {
            "steps": run.checkpoints.steps(),
            "best": run.checkpoints.pointer("best"),
            "last": run.checkpoints.pointer("last"),
        },
        "last_metrics": metrics[-1] if metrics else None,
    }


def row(run: RunDirectory) -> RunRow:
    """Sum up one run in a row."""
    config, summary = run.config(), run.summary()
    metrics = read_metrics(run.metrics_path)
    return RunRow(
        path=str(run.path),
        status=status(run, summary),
        arm=str(summary.get("arm") or _get(config, "algorithm", "type") or "?"),
        seed=config.get("seed"),
        steps=int(metrics[-1]["step"]) if metrics else 0,
        first_try_before=_rate(summary, "before", "first_try"),
        first_try_after=_rate(summary, "after", "first_try"),
        second_try_before=_rate(summary, "before", "second_try"),
        second_try_after=_rate(summary, "after", "second_try"),
    )


def status(run: RunDirectory, summary: Mapping[str, Any]) -> str:
    """Return the summary's status; a run that says `running` but that no process writes was killed: `interrupted`."""
    said = str(summary.get("status") or "running")
    return "interrupted" if said == "running" and not lock.is_held(run.path) else said


def _rate(summary: Mapping[str, Any], when: str, name: str) -> float:
    value = _get(summary, when, TEMPERATURE, name, "estimate")
    return float(value) if isinstance(value, (int, float)) else float("nan")


def _get(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
