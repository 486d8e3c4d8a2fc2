"""A ratio of two sums, such as finds per word, has Student's interval; totals run on, whatever the number of pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from secondthought.stats.interval import Interval
from secondthought.stats.means import t_quantile

_ROUNDING = 1e-12
"""Share of a sum of squares that is rounding."""


@dataclass(slots=True)
class Ratio:
    """A `Ratio` keeps running totals of pairs (y, x) for sum y / sum x: counts per length, or per text of a group."""

    n: int = 0
    y: float = 0
    x: float = 0
    yy: float = 0
    xy: float = 0
    xx: float = 0

    def add(self, y: float, x: float) -> None:
        """Count one pair."""
        self.n += 1
        self.y += y
        self.x += x
        self.yy += y * y
        self.xy += x * y
        self.xx += x * x

    def __iadd__(self, other: Ratio) -> Self:
        """Count the pairs of another one."""
        for name in ("n", "y", "x", "yy", "xy", "xx"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self

    def interval(self, scale: float = 1) -> Interval:
        """Estimate the sum of y over the sum of x, with Student's interval (Cochran 1977, eq. 6.13, linearised).

        r = sum y / sum x,  var(r) = n / (n - 1) * sum (y - r x)^2 / (sum x)^2; with every x = 1, that of a mean.
        The bounds are NaN for fewer than two pairs, and where all have the same ratio: no scatter was seen.

        >>> pairs = Ratio()
        >>> for y in (1, 2, 3):
        ...     pairs.add(y, 1)
        >>> found = pairs.interval()
        >>> found.estimate, round(found.low, 3), round(found.high, 3)
        (2.0, -0.484, 4.484)
        """
        if self.x == 0:
            return Interval(estimate=math.nan, low=math.nan, high=math.nan, n=self.n)
        ratio = self.y / self.x
        if self.n < 2 or not self.deviation:
            return Interval(estimate=ratio * scale, low=math.nan, high=math.nan, n=self.n)
        half = t_quantile(0.975, self.n - 1) * math.sqrt(self.n / (self.n - 1)) * self.deviation
        return Interval(estimate=ratio * scale, low=(ratio - half) * scale, high=(ratio + half) * scale, n=self.n)

    @property
    def deviation(self) -> float:
        """Return the standard error of the ratio without Bessel's correction; 0 where all pairs have the same ratio."""
        ratio = self.y / self.x
        # Rounding leaves a sum of squares a hair from zero where all residuals are zero.
        squares = self.yy - 2 * ratio * self.xy + ratio * ratio * self.xx
        return math.sqrt(squares) / self.x if squares > _ROUNDING * self.yy else 0.0
