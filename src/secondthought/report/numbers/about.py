"""What a run was is read here: its task, when it began, its steps, and what it cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime

from secondthought.report.numbers.runs import NAN, Run, get, number

LOSS = "loss/sft"
"""The metric that fine-tuning alone records."""


def task_of(run: Run) -> str:
    """Return the name of a run's task; empty where its config names none."""
    task = run.config.get("task")
    return task if isinstance(task, str) else str(get(task, "name") or "")


def day_of(run: Run) -> date | None:
    """Return the day on which a run began; None where that was not recorded."""
    started = run.environment.get("started")
    try:
        return datetime.fromisoformat(started).date() if isinstance(started, str) else None
    except ValueError:
        return None


def is_fine_tuning(run: Run) -> bool:
    """Return True for a run of `train sft`."""
    return run.arm == "sft" or any(LOSS in row for row in run.metrics)


def steps_of(run: Run) -> int:
    """Return how many steps a run has done."""
    return int(run.metrics[-1]["step"]) if run.metrics else 0


def tokens_of(run: Run) -> float:
    """Return how many tokens a run sampled, or learned from in fine-tuning; NaN where that was not recorded."""
    if is_fine_tuning(run):
        return _known(run, "tokens_learned", _total(run, "tokens/learned"))
    return _known(run, "tokens_sampled", next(iter(series(run, "tokens/sampled")[::-1]), (0, NAN))[1])


def seconds_of(run: Run) -> float:
    """Return how many seconds a run took; of a run that did not end, those of its steps."""
    return _known(run, "seconds", _total(run, "time/step"))


def series(run: Run, metric: str) -> Sequence[tuple[int, float]]:
    """Return a metric by step, where it was recorded."""
    return [(int(row["step"]), row[metric]) for row in run.metrics if math.isfinite(row.get(metric, NAN))]


def _known(run: Run, name: str, otherwise: float) -> float:
    recorded = number(run.summary.get(name))
    return otherwise if math.isnan(recorded) else recorded


def _total(run: Run, metric: str) -> float:
    values = [value for _, value in series(run, metric)]
    return sum(values) if values else NAN
