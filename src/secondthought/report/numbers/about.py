"""What a run was is read here: its task, when it began, its steps, and what it cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from secondthought.report.numbers.runs import NAN, Run, get, number


class GivenTexts(NamedTuple):
    """A `GivenTexts` says how a training on texts that are given is told from others."""

    name: str
    """In sentences."""
    unit: str
    """What one text is called."""
    loss: str
    """The metric that it alone records."""


GIVEN_TEXTS = {
    "sft": GivenTexts("fine-tuning", "example", "loss/sft"),
    "pretrain": GivenTexts("pretraining", "document", "loss/pretrain"),
}
"""By arm."""


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


def given_texts(run: Run) -> GivenTexts | None:
    """Return which training on given texts a run is; None where its texts are sampled."""
    recorded = (kind for kind in GIVEN_TEXTS.values() if any(kind.loss in row for row in run.metrics))
    return GIVEN_TEXTS.get(run.arm) or next(recorded, None)


def steps_of(run: Run) -> int:
    """Return how many steps a run has done."""
    return int(run.metrics[-1]["step"]) if run.metrics else 0


def tokens_of(run: Run) -> float:
    """Return how many tokens a run sampled, or learned where texts are given; NaN where that was not recorded."""
    if given_texts(run):
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
