"""Primed arms begin with a base model, primed or not (as a study declares it), and then have the same RL.

What they are compared by is read here: names of base and priming, accuracy, shares of habits. No markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

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
        pooled = share_over_seeds([one for _, one in seeds])
    else:
        pooled = over_seeds_and_problems(table.values, mean_share).within(0.0, 1.0)
    return Gain(per_seed=seeds, pooled=pooled, num_seeds=arm.num_seeds)


def presence(arm: Arm, when: str, habit: str) -> Interval:
    """Return the share of first tries that show a habit, over seeds."""
    shares = [get(run.summary, when, TEMPERATURE, "habits", "behaviors", habit, "presence") for run in arm.runs]
    return share_over_seeds([interval(share) for share in shares])


def share_over_seeds(shares: Sequence[Interval]) -> Interval:
    """Pool shares over seeds, within 0 and 1; equal ones are one evaluation that seeds share, as before RL."""
    if _is_one(shares):
        return shares[0]
    return over_seeds(shares).within(0.0, 1.0)


def mean_over_seeds(means: Sequence[Interval]) -> Interval:
    """Pool means over seeds; equal ones are one evaluation that seeds share, as before RL."""
    return means[0] if _is_one(means) else over_seeds(means)


def _is_one(intervals: Sequence[Interval]) -> bool:
    return bool(intervals) and all(one == intervals[0] for one in intervals)
