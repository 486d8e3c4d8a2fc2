"""Statistics gives rates their intervals and differences their tests: no rate of this project is printed without one.

Intervals are at 95 % unless asked otherwise. What is undefined (no data, one observation) is NaN, never 0. Resampling
takes a numpy generator from the caller.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = Sequence[float] | npt.NDArray[np.float64]

RESAMPLES = 10_000
_CELLS = 4_000_000
"""Resampled counts that exist at once: bounds memory at 32 MB."""
_NAN = float("nan")

NORMAL_POINT = 1.959964
"""The two-sided 95 % point of the normal distribution."""


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
    def deviation(self) -> float:
        """Return the standard error, from the width of a normal interval at 95 %."""
        return (self.high - self.low) / (2 * NORMAL_POINT)

    def to_json(self) -> dict[str, Any]:
        """Return the record that files hold; NaN becomes None.

        >>> Interval(0.5, 0.25, float("nan"), n=8).to_json()
        {'estimate': 0.5, 'low': 0.25, 'high': None, 'n': 8}
        """
        bounds = {"estimate": self.estimate, "low": self.low, "high": self.high}
        return {**{name: _finite(value) for name, value in bounds.items()}, "n": self.n}


UNDEFINED = Interval(_NAN, _NAN, _NAN)
"""The interval where there is nothing to estimate from."""


def to_json(numbers: Mapping[str, Interval | float]) -> dict[str, Any]:
    """Return named numbers as `summary.json` and the report hold them: intervals as records, NaN as None.

    >>> to_json({"first_try": wilson(0, 0), "temperature": 1.0})
    {'first_try': {'estimate': None, 'low': None, 'high': None, 'n': 0}, 'temperature': 1.0}
    """
    return {name: value.to_json() if isinstance(value, Interval) else _finite(value) for name, value in numbers.items()}


def wilson(successes: int, n: int, level: float = 0.95) -> Interval:
    """Return a proportion with Wilson's score interval (1927): within 0 and 1, and of some width even at 0 or 1.

    centre = (p + z^2 / 2n) / (1 + z^2 / n),  half = z / (1 + z^2 / n) * sqrt(p (1 - p) / n + z^2 / 4n^2)

    >>> found = wilson(2, 10)
    >>> found.estimate, round(found.low, 4), round(found.high, 4)
    (0.2, 0.0567, 0.5098)
    >>> wilson(0, 0)
    Interval(estimate=nan, low=nan, high=nan, n=0)
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} is not a proportion")
    if n == 0:
        return _undefined(0)
    z = NormalDist().inv_cdf((1 + level) / 2)
    p, shrink = successes / n, 1 + z * z / n
    centre = (p + z * z / (2 * n)) / shrink
    half = z / shrink * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # Rounding may push a bound past the estimate where they coincide, at 0 and 1.
    return Interval(estimate=p, low=max(0.0, min(p, centre - half)), high=min(1.0, max(p, centre + half)), n=n)


def pass_at_k(n: int, c: int, k: int) -> float:
    """Return the unbiased estimate that one of `k` samples is right, from `n` samples of which `c` were right.

    1 - C(n - c, k) / C(n, k)   (Chen et al. 2021, eq. 1); NaN if n < k.

    >>> pass_at_k(4, 1, 2), pass_at_k(4, 0, 2), pass_at_k(1, 1, 2)
    (0.5, 0.0, nan)
    """
    if not 0 <= c <= n or k < 1:
        raise ValueError(f"pass_at_k needs 0 <= c <= n and k >= 1, not n={n}, c={c}, k={k}")
    if n < k:
        return _NAN
    return 1.0 - math.comb(n - c, k) / math.comb(n, k)


def mean_interval(values: Numbers, level: float = 0.95) -> Interval:
    """Estimate a mean with Student's interval; the bounds are NaN for fewer than two values.

    >>> found = mean_interval([1.0, 2.0, 3.0])
    >>> found.estimate, round(found.low, 3), round(found.high, 3)
    (2.0, -0.484, 4.484)
    """
    array = np.asarray(values, dtype=np.float64)
    n = len(array)
    if n == 0:
        return _undefined(0)
    mean = float(array.mean())
    if n == 1:
        return Interval(estimate=mean, low=_NAN, high=_NAN, n=1)
    half = t_quantile((1 + level) / 2, n - 1) * float(array.std(ddof=1)) / math.sqrt(n)
    return Interval(estimate=mean, low=mean - half, high=mean + half, n=n)


def paired_difference(
    a: Numbers, b: Numbers, rng: np.random.Generator, *, resamples: int = RESAMPLES, level: float = 0.95
) -> Interval:
    """Return the mean of `a` minus that of `b` on the same problems, with a percentile bootstrap over problems.

    Above zero means that `a` is larger. The bounds are NaN for fewer than two problems.

    >>> found = paired_difference([1, 1, 1, 0], [0, 1, 0, 0], np.random.default_rng(0))
    >>> found.estimate, found.low, found.high
    (0.5, 0.0, 1.0)
    """
    differences = _differences(a, b)
    n = len(differences)
    if n < 2:
        return Interval(estimate=float(differences[0]) if n else _NAN, low=_NAN, high=_NAN, n=n)
    # Problems with equal differences are exchangeable: counting the distinct ones is the same bootstrap, much faster.
    distinct, counts = np.unique(differences, return_counts=True)
    means = np.concatenate(
        [rng.multinomial(n, counts / n, size=size) @ distinct / n for size in _chunks(resamples, len(distinct))]
    )
    return _percentiles(float(differences.mean()), means, level, n)


def seeds_and_problems(
    matrix: Sequence[Numbers], rng: np.random.Generator, *, resamples: int = RESAMPLES, level: float = 0.95
) -> Interval:
    """Estimate a mean over seeds and problems together: `matrix` has a row per seed, a column per problem.

    Problems are the same for all seeds. Each resample draws seeds, and problems jointly for all of them (Owen's
    pigeonhole bootstrap 2007): a hard problem is hard for every seed, so drawing problems anew per seed would be too
    sure. S - 1 of S seeds are drawn, which makes the variance between seeds unbiased (Rao and Wu 1988). `n` is the
    number of seeds. One seed says nothing of others: its bounds are NaN. Below five seeds the interval is still
    narrower than it says: read it with every seed printed.

    >>> found = seeds_and_problems([[0, 1, 1], [1, 1, 1]], np.random.default_rng(0))
    >>> round(found.estimate, 3), found.n
    (0.833, 2)
    """
    if len({np.shape(row) for row in matrix}) != 1 or np.ndim(matrix[0]) != 1:
        raise ValueError("seeds_and_problems needs one row per seed, all over the same problems")
    table = np.asarray(matrix, dtype=np.float64)
    seeds, problems = table.shape
    if table.size == 0:
        return _undefined(seeds)
    if seeds < 2 or problems < 2:
        return Interval(estimate=float(table.mean()), low=_NAN, high=_NAN, n=seeds)
    means = []
    for size in _chunks(resamples, problems):
        of_seed = rng.multinomial(seeds - 1, np.full(seeds, 1 / seeds), size=size) / (seeds - 1)
        of_problem = rng.multinomial(problems, np.full(problems, 1 / problems), size=size) / problems
        means.append(np.einsum("rp,rp->r", of_seed @ table, of_problem))
    return _percentiles(float(table.mean()), np.concatenate(means), level, seeds)


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
        return _NAN
    only_a = sum(x and not y for x, y in zip(a, b, strict=True))
    only_b = sum(y and not x for x, y in zip(a, b, strict=True))
    m, term, tail = only_a + only_b, 1, 0
    for i in range(min(only_a, only_b) + 1):
        tail += term
        term = term * (m - i) // (i + 1)
    return min(1.0, float(2 * tail / 2**m))


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


def _differences(a: Numbers, b: Numbers) -> npt.NDArray[np.float64]:
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"paired values differ in shape: {first.shape} and {second.shape}")
    return first - second


def _chunks(total: int, width: int) -> list[int]:
    size = max(1, min(total, _CELLS // width))
    return [size] * (total // size) + ([total % size] if total % size else [])


def _percentiles(estimate: float, means: npt.NDArray[np.float64], level: float, n: int) -> Interval:
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate=estimate, low=float(low), high=float(high), n=n)


def _undefined(n: int) -> Interval:
    return replace(UNDEFINED, n=n)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
