"""A gain is after minus before, per seed and over seeds: from problems where a run kept them, else from its summary."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from secondthought.report.numbers.pooled import minus, over_seeds, over_seeds_and_problems
from secondthought.report.numbers.runs import Arm, ProblemOutcome, Run, get, number
from secondthought.stats import UNDEFINED, Interval, mean_difference

Measure: TypeAlias = Literal["first_try", "second_try"]

TEMPERATURE = "t1.0"
"""Comparisons are made at the temperature of training; the before/after table has the others."""


class ProblemTable(NamedTuple):
    """A `ProblemTable` has one row per seed and one column per problem."""

    problems: tuple[str, ...]
    values: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """A `Gain` is a difference: each seed's own, and over all seeds. `missing` says what was not there, if anything."""

    per_seed: tuple[tuple[int | None, Interval], ...]
    pooled: Interval
    num_seeds: int
    missing: str = ""

    @classmethod
    def without(cls, missing: str, num_seeds: int = 0) -> Gain:
        """Build the gain of which nothing is known, because of what is missing."""
        return cls(per_seed=(), pooled=UNDEFINED, num_seeds=num_seeds, missing=missing)


def gain(arm: Arm, measure: Measure, *, old: str = "before", new: str = "after") -> Gain:
    """Return the new minus the old evaluation of an arm, in points of accuracy (0 to 1).

    `old` and `new` are `before`, `after`, or the name of a peer in the runs' summaries.
    """
    seeds = tuple((run.seed, gain_of_run(run, measure, old=old, new=new)) for run in arm.runs)
    absent = [run.label for run, (_, one) in zip(arm.runs, seeds, strict=True) if not one.is_defined]
    if absent:
        missing = f"no {old} and {new} evaluation at temperature 1 in {', '.join(absent)}"
        return Gain(per_seed=seeds, pooled=UNDEFINED, num_seeds=arm.num_seeds, missing=missing)
    table = gain_table(arm, measure, old=old, new=new)
    pooled = over_seeds([one for _, one in seeds]) if table is None else over_seeds_and_problems(table.values)
    return Gain(per_seed=seeds, pooled=pooled, num_seeds=arm.num_seeds)


def gain_of_run(
    run: Run, measure: Measure, *, old: str = "before", new: str = "after", temperature: str = TEMPERATURE
) -> Interval:
    """Return the new minus the old evaluation of one run: from its problems where they were kept, else as recorded."""
    differences = _differences(run, measure, old, new, temperature)
    if differences:
        return mean_difference(list(differences.values()))
    recorded = interval(get(run.summary, "paired", temperature, measure) if (old, new) == ("before", "after") else None)
    if recorded.is_bounded:
        return recorded
    return minus(rate(run, new, measure, temperature), rate(run, old, measure, temperature))


def gain_table(arm: Arm, measure: Measure, *, old: str = "before", new: str = "after") -> ProblemTable | None:
    """Return new minus old by seed and problem; None where seeds were tested on different problems."""
    return _table([_differences(run, measure, old, new) for run in arm.runs])


def level_table(arm: Arm, measure: Measure, when: str = "after") -> ProblemTable | None:
    """Return right (1) and wrong (0) in one evaluation by seed and problem; None as for `gain_table`."""
    sides = [run.outcomes(f"{when}_{TEMPERATURE}") for run in arm.runs]
    return _table([{problem: float(_value(found, measure)) for problem, found in side.items()} for side in sides])


def rate(run: Run, when: str, name: str, temperature: str = TEMPERATURE) -> Interval:
    """Return a rate or a mean of a run's summary; `when` is `before`, `after` or the name of a peer."""
    return interval(get(_summary(run, when), temperature, name))


def interval(value: object) -> Interval:
    """Read the interval of a record, whose estimate may be called `difference`; what it lacks is NaN.

    Bounds without width, which the first versions wrote where all outcomes agreed, say nothing: NaN.
    """
    estimate = number(get(value, "estimate"))
    if math.isnan(estimate):
        estimate = number(get(value, "difference"))
    low, high, count = number(get(value, "low")), number(get(value, "high")), get(value, "n")
    if low == high:
        low = high = math.nan
    return Interval(estimate, low, high, n=count if isinstance(count, int) else 0)


def _summary(run: Run, when: str) -> object:
    return get(run.summary, when) if when in ("before", "after") else get(run.summary, "peers", when)


def _differences(run: Run, measure: Measure, old: str, new: str, temperature: str = TEMPERATURE) -> dict[str, float]:
    olds, news = run.outcomes(f"{old}_{temperature}"), run.outcomes(f"{new}_{temperature}")
    return {
        problem: float(_value(news[problem], measure)) - float(_value(olds[problem], measure))
        for problem in olds
        if problem in news
    }


def _value(outcome: ProblemOutcome, measure: Measure) -> bool:
    return outcome.first_try if measure == "first_try" else outcome.second_try


def _table(rows: Sequence[Mapping[str, float]]) -> ProblemTable | None:
    shared = tuple(sorted(set.intersection(*(set(row) for row in rows))))
    # A seed that was tested on other problems has no place in a common table.
    if len(shared) < 2 or any(len(row) != len(shared) for row in rows):
        return None
    return ProblemTable(shared, np.array([[row[problem] for problem in shared] for row in rows]))
