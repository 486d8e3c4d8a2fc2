"""P-values: McNemar's exact test of paired outcomes, and Holm's correction where several stand in one table."""

from __future__ import annotations

import math
from collections.abc import Sequence


def mcnemar(a: Sequence[bool], b: Sequence[bool]) -> float:
    """Return the exact two-sided p-value that two models are equally often right on the same problems (McNemar 1947).

    Only problems on which they differ count: under the null each of m is a fair coin. 1 if they never differ, NaN
    without problems.

    >>> mcnemar([True] * 5, [False] * 5), mcnemar([True, False], [True, False])
    (0.0625, 1.0)
    """
    if len(a) != len(b):
        raise ValueError(f"paired outcomes differ in length: {len(a)} and {len(b)}")
    if not a:
        return math.nan
    only_a = sum(x and not y for x, y in zip(a, b, strict=True))
    only_b = sum(y and not x for x, y in zip(a, b, strict=True))
    m, term, tail = only_a + only_b, 1, 0
    for i in range(min(only_a, only_b) + 1):
        tail += term
        term = term * (m - i) // (i + 1)
    return min(1.0, float(2 * tail / 2**m))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values of one table, corrected for their number (Holm 1979): each may then be read by itself.

    The least of m is multiplied by m, the next by m - 1, and so on, never below one before it, never above 1. The
    chance that any true null in the table comes out below .05 is then at most .05. An undefined p (NaN) is no test.

    >>> [round(p, 3) for p in holm([0.01, 0.04, float("nan"), 0.02])]
    [0.03, 0.04, nan, 0.04]
    """
    tests = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    found, reached = [math.nan] * len(p_values), 0.0
    for rank, (p, place) in enumerate(tests):
        reached = max(reached, min(1.0, p * (len(tests) - rank)))
        found[place] = reached
    return found
