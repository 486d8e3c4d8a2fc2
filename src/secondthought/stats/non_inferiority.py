"""Is one of two no worse than the other, by more than a margin? Paired outcomes, and how likely a yes was at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal, TypeAlias

from secondthought.stats.interval import Interval, to_json
from secondthought.stats.means import NORMAL_POINT
from secondthought.stats.p_values import mcnemar
from secondthought.stats.shares import paired_difference

Retention: TypeAlias = Literal["kept", "lost", "cannot tell"]
_WANTED_POWER = 0.8
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class NonInferiority:
    """A `NonInferiority` says whether what was right before is right after, but for a margin.

    `kept` means that the whole interval of the difference lies above minus the margin; `lost`, that it lies below zero
    and is not `kept`. All else cannot be told from so few items. A loss can be real and within the margin: that is
    `kept`, and the interval shows it.
    """

    difference: Interval
    """After minus before, over the same items."""
    p_value: float
    """McNemar's, that they are equally often right."""
    margin: float
    power: float
    """Chance of `kept` for two that are equally good and differ on as many items as these two do."""
    items_for_power: int
    """Items with which that chance would be 80 %."""

    @property
    def answer(self) -> Retention:
        """Return what the interval says."""
        if self.difference.low > -self.margin:
            return "kept"
        return "lost" if self.difference.high < 0 else "cannot tell"

    def to_json(self) -> dict[str, Any]:
        """Return all of it, as `--json` prints it."""
        return {
            **to_json({"difference": self.difference, "p": self.p_value, "power": self.power}),
            "margin": self.margin,
            "items_for_power": self.items_for_power,
            "answer": self.answer,
        }


def non_inferiority(after: Sequence[bool], before: Sequence[bool], margin: float) -> NonInferiority:
    """Compare two on the same items, in the same order.

    Args:
        after: whether the later one is right, item by item.
        before: the same of the earlier one.
        margin: loss in the share of right items that is taken for none; above 0.

    Raises:
        ValueError: there are no items, or not as many of both; or the margin is not above 0.

    >>> non_inferiority([True] * 400, [True] * 400, 0.01).answer
    'kept'
    >>> non_inferiority([True] * 300, [True] * 300, 0.01).answer
    'cannot tell'
    """
    if not before or not margin > 0:
        raise ValueError(f"non-inferiority needs items and a margin above 0, not {len(before)} and {margin}")
    n, differ = len(before), sum(one != other for one, other in zip(after, before, strict=True))
    return NonInferiority(
        difference=paired_difference([float(right) for right in after], [float(right) for right in before]),
        p_value=mcnemar(after, before),
        margin=margin,
        power=power(n, differ / n, margin),
        items_for_power=items_for_power(n, differ / n, margin),
    )


def power(n: int, differ: float, margin: float) -> float:
    """Return the chance that `n` items show no loss beyond a margin, where there is none.

    The difference of two that are equally good has a variance of q / n, where q is the share of items on which they
    differ (Tango 1998, section 3). Of a q of 0 nothing is known but that it is below about 1 / n.

    >>> round(power(1000, 0.1, 0.03), 2), round(power(1000, 0.1, 0.01), 2)
    (0.85, 0.17)
    """
    deviation = math.sqrt(max(differ, 1 / n) / n)
    return _NORMAL.cdf(margin / deviation - NORMAL_POINT)


def items_for_power(n: int, differ: float, margin: float) -> int:
    """Return how many items would show it with a chance of 80 %.

    >>> items_for_power(1000, 0.1, 0.01)
    7849
    """
    return math.ceil(max(differ, 1 / n) * ((NORMAL_POINT + _NORMAL.inv_cdf(_WANTED_POWER)) / margin) ** 2)
