"""Primed arms begin with a base model, primed or not (as a study declares it), and then have the same RL.

What they are compared by is read here: names of base and priming, accuracy, shares of habits. No markup.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from secondthought.report.numbers.gains import TEMPERATURE, Gain, interval, level_table, rate
from secondthought.report.numbers.pooled import over_seeds, over_seeds_and_problems
from secondthought.report.numbers.runs import Arm, get
from secondthought.stats import UNDEFINED, Interval, mean_share


def has_origins(arms: Sequence[Arm]) -> bool:
    """Return True if any of these runs says where its model comes from: then the page is about bases and priming."""
    return any(base_of(arm) for arm in arms)


def base_of(arm: Arm) -> str:
    """Return the name of an arm's model before any priming; empty where its runs do not say."""
    return arm.declared.base


def priming_of(arm: Arm) -> str:
    """Return the name of the set that an arm was primed with; empty if none."""
    return arm.declared.priming


def dose_of(arm: Arm) -> float | None:
    """Return the share of the base's training text that shows habits; None where runs do not say."""
    return arm.declared.dose


def evaluated(arms: Sequence[Arm]) -> list[Arm]:
    """Drop the runs that were not evaluated after RL, where an arm has any that was: a study may be under way."""
    kept = [(arm, tuple(run for run in arm.runs if get(run.summary, "after", TEMPERATURE))) for arm in arms]
    return [replace(arm, runs=runs or arm.runs) for arm, runs in kept]


def level(arm: Arm, when: str = "after") -> Gain:
    """Return an arm's first-try accuracy at the temperature of training: each seed's, and over seeds and problems."""
    seeds = tuple((run.seed, rate(run, when, "first_try")) for run in arm.runs)
    if not all(one.is_defined for _, one in seeds):
        return Gain(per_seed=seeds, pooled=UNDEFINED, num_seeds=arm.num_seeds, missing=f"{arm.name} was not evaluated")
    table = level_table(arm, "first_try", when)
    if table is None:
        pooled = share_over_seeds(arm, when, [one for _, one in seeds])
    else:
        pooled = over_seeds_and_problems(table.values, mean_share).within(0.0, 1.0)
    return Gain(per_seed=seeds, pooled=pooled, num_seeds=arm.num_seeds)


def presence(arm: Arm, when: str, habit: str) -> Interval:
    """Return the share of first tries that show a habit, over seeds."""
    shares = [get(run.summary, when, TEMPERATURE, "habits", "behaviors", habit, "presence") for run in arm.runs]
    return share_over_seeds(arm, when, [interval(share) for share in shares])


def share_over_seeds(arm: Arm, when: str, shares: Sequence[Interval]) -> Interval:
    """Pool each seed's share in an evaluation, within 0 and 1."""
    return shares[0] if _is_one_evaluation(arm, when) else over_seeds(shares).within(0.0, 1.0)


def mean_over_seeds(arm: Arm, when: str, means: Sequence[Interval]) -> Interval:
    """Pool each seed's mean in an evaluation."""
    return means[0] if _is_one_evaluation(arm, when) else over_seeds(means)


def _is_one_evaluation(arm: Arm, when: str) -> bool:
    """Tell whether all seeds have one evaluation: that of the model which they began with, alike in all that it says.

    After training two seeds may solve as many problems by chance, and are two all the same.
    """
    records = [get(run.summary, when) for run in arm.runs]
    return len(records) == 1 or (when == "before" and all(_alike(record, records[0]) for record in records))


def _alike(one: Any, other: Any) -> bool:
    """Tell whether two records hold the same, but for last digits of numbers: sums may have another order."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_alike(value, other[name]) for name, value in one.items())
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9)
    return bool(one == other)
