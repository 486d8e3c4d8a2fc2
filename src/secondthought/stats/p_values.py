"""P-values: exact tests of paired outcomes (McNemar) and of two samples (Fisher), and corrections for their number.

Holm's is for tables, where each p-value may be read by itself; Benjamini's and Hochberg's is for searches through
thousands, where a share of what is found may be wrong.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

_TIES = 1e-7
"""Probabilities that differ by this share are equal: their logarithms were added up in another order."""


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
    return sign_test(only_a, only_b)


def sign_test(more: int, fewer: int) -> float:
    """Return the exact two-sided p-value that as many pairs differ one way as the other; pairs that agree say nothing.

    >>> sign_test(5, 0), sign_test(1, 1), sign_test(0, 0)
    (0.0625, 1.0, 1.0)
    """
    m, term, tail = more + fewer, 1, 0
    for i in range(min(more, fewer) + 1):
        tail += term
        term = term * (m - i) // (i + 1)
    return min(1.0, float(2 * tail / 2**m))


def fisher(a: int, n_a: int, b: int, n_b: int) -> float:
    """Return the exact two-sided p-value that two samples have one share: `a` of `n_a`, and `b` of `n_b` (Fisher 1934).

    Given how many both have together, every choice of who they are is as likely; choices that are no likelier than what
    was seen add up to p. 1 where either sample is empty.

    >>> round(fisher(3, 4, 1, 4), 4), fisher(0, 0, 3, 4)
    (0.4857, 1.0)
    """
    if not (0 <= a <= n_a and 0 <= b <= n_b):
        raise ValueError(f"{a} of {n_a} and {b} of {n_b} are not two shares")
    logs = _log_factorials(1 << (n_a + n_b).bit_length())
    first = np.arange(max(0, a + b - n_b), min(n_a, a + b) + 1)
    second = a + b - first
    chances = np.exp(
        logs[n_a] - logs[first] - logs[n_a - first] + logs[n_b] - logs[second] - logs[n_b - second]
        - (logs[n_a + n_b] - logs[a + b] - logs[n_a + n_b - a - b])
    )  # fmt: skip
    seen = chances[a - first[0]]
    return min(1.0, float(chances[chances <= seen * (1 + _TIES)].sum()))


@lru_cache(maxsize=8)
def _log_factorials(size: int) -> npt.NDArray[np.float64]:
    """Return the logarithms of 0! to size!."""
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, size + 1)))])


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


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return the least false discovery rate at which each test is a discovery (Benjamini and Hochberg 1995).

    The i-th least of m is multiplied by m / i, and is never above one after it. Of those that come out at most .05, a
    share of at most .05 is expected to be false, where tests are independent or depend on each other positively.

    >>> [round(q, 3) for q in benjamini_hochberg([0.01, 0.04, 0.03, 0.5])]
    [0.04, 0.053, 0.053, 0.5]
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place], reverse=True)
    found, least = [1.0] * len(p_values), 1.0
    for rank, place in zip(range(len(order), 0, -1), order, strict=True):
        least = min(least, p_values[place] * len(order) / rank)
        found[place] = least
    return found


def decidable(least: Sequence[float], alpha: float) -> list[bool]:
    """Return which exact tests have a say in a search, by the least p-value that each could have had (Gilbert 2005).

    What few observations hold can never be a discovery, and would only make the others pay for it. Tests count whose
    least p-value is at most alpha / K, with K the least number that is not below how many these are (Tarone 1990).

    >>> decidable([0.001, 0.02, 0.2, 0.2, 0.2], 0.05)
    [True, True, False, False, False]
    """
    order = sorted(least)
    k = 1
    while bisect_right(order, alpha / k) > k:
        k += 1
    return [p <= alpha / k for p in least]
