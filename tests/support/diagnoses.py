"""Diagnoses as if measured: a healthy one, and for each rule the numbers that make it speak."""

from __future__ import annotations

from dataclasses import replace

from secondthought.habits.rates import HabitRates
from secondthought.preflight.diagnose import ModelDiagnosis, Subject
from secondthought.preflight.diagnose.ways import BothWays, RetryWay
from secondthought.stats import Interval


def sure(value):
    return Interval(estimate=value, low=value - 0.01, high=value + 0.01, n=100)


def unsure(value):
    return Interval(estimate=value, low=value - 0.4, high=value + 0.4, n=5)


def habit(value):
    return HabitRates(missing=0, total=1, presence=value, mean_count=value, per_1000=value)


OFTEN = sure(0.4)


def way(*, own=OFTEN, rescue=None, listening=None):
    return RetryWay(right={"own": own}, changed=sure(0.9), rescue=rescue, listening=listening)


def ways(both=None, unseen=None, **numbers):
    """Both ways alike, unless one is given for the retry that does not see the failed try."""
    return BothWays(ways={"all": way(**numbers), "reflection": both or way(**numbers)}, unseen=unseen)


PRIMED = Subject(model="m", task="t", primes=True)
HEALTHY = ModelDiagnosis(
    subject=PRIMED,
    model="m",
    task="t",
    problems=100,
    samples=16,
    temperature=1.0,
    max_attempt_tokens=256,
    retry_sees="all",
    first_try=sure(0.3),
    format_valid=sure(0.95),
    truncated=sure(0.02),
    length=sure(50.0),
    passes={1: sure(0.3), 16: sure(0.8)},
    flat_groups={4: sure(0.5), 16: sure(0.2)},
    distinct=sure(0.9),
    entropy=sure(0.5),
    detector="functional",
    habits={name: habit(sure(0.5)) for name in ("verification", "backtracking")},
    both_ways=ways(),
)
SICK = {
    "format": {"format_valid": sure(0.2)},
    "truncated": {"truncated": sure(0.5)},
    "too hard": {"passes": {1: sure(0.0), 16: sure(0.02)}},
    "too easy": {"first_try": sure(0.97)},
    "flat groups": {"flat_groups": {16: sure(0.9)}},
    "no search": {"habits": {name: habit(sure(0.03)) for name in ("verification", "backtracking")}},
    "one answer": {"distinct": sure(0.1)},
    "retry sees": {"both_ways": ways(unseen=sure(0.5))},
    "listens": {"both_ways": ways(listening=sure(0.6))},
    "does not listen": {"both_ways": ways(listening=sure(0.05))},
    "rare rescue": {"both_ways": ways(own=sure(0.05))},
    "below a second sample": {"both_ways": ways(rescue=sure(-0.2))},
}
"""What makes each rule speak."""


def sick(rule, subject=PRIMED):
    return replace(HEALTHY, subject=subject, **SICK[rule])
