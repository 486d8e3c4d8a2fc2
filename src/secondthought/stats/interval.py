"""An interval is an estimate with its bounds, and how files hold it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Interval:
    """An `Interval` holds an estimate, the bounds around it, and the number of observations behind it.

    `n` is 0 where there are no observations, or where a record does not say how many.
    """

    estimate: float
    low: float
    high: float
    n: int = 0

    @property
    def is_defined(self) -> bool:
        """Return True if there is an estimate: it is not NaN."""
        return not math.isnan(self.estimate)

    @property
    def is_bounded(self) -> bool:
        """Return True if both bounds are there: neither is NaN."""
        return not (math.isnan(self.low) or math.isnan(self.high))

    @property
    def below(self) -> float:
        """Return how far the estimate lies above the lower bound."""
        return self.estimate - self.low

    @property
    def above(self) -> float:
        """Return how far the upper bound lies above the estimate."""
        return self.high - self.estimate

    def within(self, least: float, most: float) -> Interval:
        """Cut the bounds to what the number can be; undefined bounds stay so.

        >>> Interval(0.9, 0.7, 1.1).within(0.0, 1.0)
        Interval(estimate=0.9, low=0.7, high=1.0, n=0)
        """
        low, high = (bound if math.isnan(bound) else min(most, max(least, bound)) for bound in (self.low, self.high))
        return replace(self, low=low, high=high)

    def to_json(self) -> dict[str, Any]:
        """Return the record that files hold; NaN becomes None.

        >>> Interval(0.5, 0.25, float("nan"), n=8).to_json()
        {'estimate': 0.5, 'low': 0.25, 'high': None, 'n': 8}
        """
        bounds = {"estimate": self.estimate, "low": self.low, "high": self.high}
        return {**{name: _finite(value) for name, value in bounds.items()}, "n": self.n}


UNDEFINED = Interval(math.nan, math.nan, math.nan)
"""The interval where there is nothing to estimate from."""


def to_json(numbers: Mapping[str, Interval | float]) -> dict[str, Any]:
    """Return named numbers as `summary.json` and the report hold them: intervals as records, NaN as None.

    >>> to_json({"first_try": UNDEFINED, "temperature": 1.0})
    {'first_try': {'estimate': None, 'low': None, 'high': None, 'n': 0}, 'temperature': 1.0}
    """
    return {name: value.to_json() if isinstance(value, Interval) else _finite(value) for name, value in numbers.items()}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
