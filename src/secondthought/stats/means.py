"""Means of what has no bounds that are known, as lengths, have Student's interval; quantiles of his t."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from secondthought.stats.interval import UNDEFINED, Interval

Numbers: TypeAlias = Sequence[float] | npt.NDArray[np.float64]

NORMAL_POINT = 1.959964
"""The two-sided 95 % point of the normal distribution."""
ROUNDING = 1e-9
"""What sums of numbers may be off by: smaller differences are none."""


def mean_interval(values: Numbers, level: float = 0.95) -> Interval:
    """Estimate a mean with Student's interval, of lengths and the like: what has no bounds that are known.

    The bounds are NaN for fewer than two values, and where all are alike: how they scatter was then not seen.

    >>> found = mean_interval([1.0, 2.0, 3.0])
    >>> found.estimate, round(found.low, 3), round(found.high, 3)
    (2.0, -0.484, 4.484)
    >>> mean_interval([64, 64, 64])
    Interval(estimate=64.0, low=nan, high=nan, n=3)
    """
    array = np.asarray(values, dtype=np.float64)
    n = len(array)
    if n == 0:
        return UNDEFINED
    mean = float(array.mean())
    if alike(array):
        return Interval(estimate=mean, low=math.nan, high=math.nan, n=n)
    half = t_quantile((1 + level) / 2, n - 1) * float(array.std(ddof=1)) / math.sqrt(n)
    return Interval(estimate=mean, low=mean - half, high=mean + half, n=n)


def alike(values: npt.NDArray[np.float64]) -> bool:
    """Tell whether no scatter is seen in values: they are equal, up to rounding."""
    return float(np.ptp(values)) <= ROUNDING * max(1.0, float(np.abs(values).max()))


@lru_cache(maxsize=1024)
def t_quantile(p: float, df: float) -> float:
    """Return a quantile of Student's t distribution for p > 1/2, by bisection to double precision.

    >>> round(t_quantile(0.975, 2), 4), round(t_quantile(0.975, 30), 4)
    (4.3027, 2.0423)
    """
    if not (0.5 < p < 1 and df >= 1):
        raise ValueError(f"t_quantile needs 1/2 < p < 1 and df >= 1, not p={p}, df={df}")
    low, high = 0.0, 1.0
    while _t_upper_tail(high, df) > 1 - p:
        low, high = high, 2 * high
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_upper_tail(middle, df) > 1 - p else (low, middle)
    return high


def _t_upper_tail(t: float, df: float) -> float:
    """Return P(T > t) for t >= 0."""
    return _incomplete_beta(df / 2, 0.5, df / (df + t * t)) / 2


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function, by Lentz's continued fraction (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1.0 - _incomplete_beta(b, a, 1 - x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1 / (1 + step * d)
            c = 1 + step / c
            fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * fraction / a
