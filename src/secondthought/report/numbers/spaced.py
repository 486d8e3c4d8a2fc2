"""Steps, groups and branches are sampled evenly where there are more of them than a page shows or reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def spaced(values: Sequence[T], count: int) -> list[T]:
    """Return at most `count` of the values, one at least, evenly spaced, with the first and from two on the last.

    >>> spaced([10, 20, 30, 40, 50], 3), spaced([10], 3), spaced([10, 20], 1)
    ([10, 30, 50], [10], [10])
    """
    if len(values) <= count:
        return list(values)
    return [values[round(index * (len(values) - 1) / max(count - 1, 1))] for index in range(count)]
