"""Pooled intervals hold for seeds and problems together.

Seeds share their test problems, so two things are drawn at random: which seeds, and which problems. With x[s, p] the
difference of one seed on one problem, the variance of the mean over S seeds and P problems is estimated by

    V = V_seeds / S + V_problems / P - V_rest / (S P)

V_seeds is the variance of the seeds' means, V_problems that of the problems' means, V_rest that of what neither
explains, which both others contain. The interval is the mean plus or minus t(S - 1) times sqrt(V): wide where seeds are
few, where the bootstrap of `stats.seeds_and_problems` would be narrower than it says. One seed gives an interval over
problems alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from secondthought.stats import NORMAL_POINT, UNDEFINED, Interval, t_quantile


def over_seeds_and_problems(differences: npt.NDArray[np.float64]) -> Interval:
    """Return the interval of the mean of `differences`, one row per seed, one column per problem.

    >>> over_seeds_and_problems(np.array([[0.0, 1.0, 0.0, 1.0]])).estimate
    0.5
    """
    seeds, problems = differences.shape
    if problems < 2 or seeds < 1:
        return UNDEFINED
    mean = float(differences.mean())
    of_problems = differences.mean(axis=0)
    variance = float(of_problems.var(ddof=1)) / problems
    if seeds > 1:
        parts = _Variances.of(differences)
        # Never below either source alone, which the subtraction could give by chance.
        variance = max(parts.seeds + variance - parts.rest, parts.seeds, variance)
    return around(mean, variance, seeds) if variance else _all_alike(mean, seeds, problems)


def between_arms(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> Interval:
    """Return the interval of the mean of one arm minus that of another: seeds of their own, problems in common.

    With d[p] the difference of the arms' means on problem p, the variance is estimated by

        V = V_seeds1 / S1 + V_seeds2 / S2 + V_d / P - V_rest1 / (S1 P) - V_rest2 / (S2 P)

    and the interval uses t with one degree of freedom fewer than the arm with fewer seeds has. Satterthwaite's degrees
    of freedom would make it narrower, but where a seed either takes off or does not, few seeds may agree by chance and
    are then too sure: with three seeds each that take off with a chance of a third, it covered the truth in 76 % of
    simulated studies, this one in 90 %. No interval from a few seeds is safe there.

    Args:
        first: one row per seed, one column per problem.
        second: the same problems in the same order.
    """
    if len(first) < 2 or len(second) < 2 or first.shape[1] < 2:
        return UNDEFINED
    one, other = _Variances.of(first), _Variances.of(second)
    difference = first.mean(axis=0) - second.mean(axis=0)
    problems = len(difference)
    shared = float(difference.var(ddof=1)) / problems
    of_seeds = one.seeds + other.seeds
    # Never below either source alone, which the subtraction could give by chance.
    variance = max(of_seeds + shared - one.rest - other.rest, of_seeds, shared)
    mean, seeds = float(difference.mean()), min(len(first), len(second))
    return around(mean, variance, seeds) if variance else _all_alike(mean, seeds, problems)


@dataclass(frozen=True, slots=True)
class _Variances:
    """`_Variances` has those of an arm's mean: between seeds, and of the rest that is in it, which nothing explains."""

    seeds: float
    rest: float

    @classmethod
    def of(cls, table: npt.NDArray[np.float64]) -> _Variances:
        seeds, problems = table.shape
        rest = table - table.mean(axis=1)[:, None] - table.mean(axis=0)[None, :] + table.mean()
        of_seeds = float(table.mean(axis=1).var(ddof=1)) / seeds
        of_rest = float((rest**2).sum()) / ((seeds - 1) * (problems - 1)) / (seeds * problems)
        return cls(of_seeds, of_rest)


def over_seeds(intervals: Sequence[Interval]) -> Interval:
    """Return the interval over seeds from each seed's own, where problems are not at hand.

    The problems are the same for all seeds, so their part of the variance does not shrink with more seeds: wider than
    `over_seeds_and_problems`, never narrower than it should be.
    """
    estimates = np.array([interval.estimate for interval in intervals])
    if len(estimates) == 0 or np.isnan(estimates).any():
        return UNDEFINED
    variance = float(np.mean([interval.deviation**2 for interval in intervals]))
    if len(estimates) > 1:
        variance += float(estimates.var(ddof=1)) / len(estimates)
    return around(float(estimates.mean()), variance, len(estimates))


def _all_alike(mean: float, seeds: int, problems: int) -> Interval:
    """Return the interval where all differences are the same: no spread is seen, but some problems may yet differ.

    Its half width is the largest share of problems of which none would be seen (Clopper and Pearson 1934).
    """
    half = 1 - 0.025 ** (1 / problems)
    return Interval(mean, mean - half, mean + half, n=seeds)


def minus(first: Interval, second: Interval) -> Interval:
    """Subtract as if both were independent: for rates on the same problems too wide rather than too narrow."""
    half = NORMAL_POINT * math.hypot(first.deviation, second.deviation)
    estimate = first.estimate - second.estimate
    return Interval(estimate, estimate - half, estimate + half, n=min(first.n, second.n))


def around(mean: float, variance: float, seeds: int) -> Interval:
    """Return the mean plus or minus the 95 % point of t for this many seeds (see `t_point`) times the deviation."""
    half = t_point(seeds - 1) * math.sqrt(variance)
    return Interval(mean, mean - half, mean + half, n=seeds)


def t_point(freedom: int) -> float:
    """Return the two-sided 95 % point of Student's t; at 0, which stands for a single seed, that of the normal.

    >>> t_point(0), round(t_point(4), 3)
    (1.959964, 2.776)
    """
    return t_quantile(0.975, freedom) if freedom > 0 else NORMAL_POINT
