"""Where the variance of outcomes lies: between the things that were compared, or in chance."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan

import numpy as np
import numpy.typing as npt

from secondthought.stats.interval import Interval

RESAMPLES = 2000
_SEED = 0


def variance_between(outcomes: Sequence[npt.NDArray[np.float64]]) -> Interval:
    """Return the share of the variance of outcomes within clusters that lies between their members.

    It is the intraclass correlation of a nested analysis of variance, ICC(1): 1 where repetitions of a member always
    agree and members differ, 0 where members differ by chance alone. It is unbiased but for the division, so it may lie
    below 0. The interval is that of percentiles over resampled clusters.

    Args:
        outcomes: for each cluster its outcomes, members x repetitions, at least 2 x 2, the same number of repetitions
            in all.

    Returns:
        NaN where there is no cluster, or no outcome ever differs.
    """
    sums = np.array([_sums(cluster) for cluster in outcomes], dtype=np.float64).reshape(-1, 4)
    repetitions = outcomes[0].shape[1] if len(outcomes) else 2
    estimate = float(_share(sums.sum(0)[None], repetitions)[0])
    if len(sums) < 2 or isnan(estimate):
        return Interval(estimate=estimate, low=nan, high=nan, n=len(sums))
    draws = np.random.default_rng(_SEED).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=RESAMPLES)
    low, high = np.nanpercentile(_share(draws @ sums, repetitions), [2.5, 97.5])
    return Interval(estimate=estimate, low=float(low), high=float(high), n=len(sums))


def _sums(cluster: npt.NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Return the sums of squares between and within members, and their degrees of freedom."""
    members, repetitions = cluster.shape
    means = cluster.mean(1)
    between = repetitions * float(((means - means.mean()) ** 2).sum())
    within = float(((cluster - means[:, None]) ** 2).sum())
    return between, within, members - 1, members * (repetitions - 1)


def _share(sums: npt.NDArray[np.float64], repetitions: int) -> npt.NDArray[np.float64]:
    """Return the share of each row of summed squares; NaN where nothing varies."""
    with np.errstate(divide="ignore", invalid="ignore"):
        between, within = sums[:, 0] / sums[:, 2], sums[:, 1] / sums[:, 3]
        found: npt.NDArray[np.float64] = (between - within) / (between + (repetitions - 1) * within)
    return found
