"""Shares and paired differences of shares have score intervals: the bounds are what a test would just not refuse.

Such an interval keeps within what the number can be. It has width where all outcomes agree, since few problems that
agree prove little.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from secondthought.stats.interval import UNDEFINED, Interval
from secondthought.stats.means import NORMAL_POINT, ROUNDING, Numbers, alike, t_quantile


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
        return UNDEFINED
    return _wilson(successes / n, n, n, NormalDist().inv_cdf((1 + level) / 2))


def mean_share(shares: Numbers, *, point: float = NORMAL_POINT) -> Interval:
    """Estimate the mean of shares from 0 to 1, one per problem, as if from an *effective* number of yes or no answers.

    A problem's share may be of one sample (0 or 1: then this is Wilson's interval), or an average of several. See
    `share_of_clusters`, which this is where all problems weigh alike. `point` is how many deviations the bounds are
    away: Student's where seeds are few.

    >>> mean_share([0, 0, 1, 1, 1]) == mean_share([1.0] * 3 + [0.0] * 2)
    True
    >>> halves = mean_share([0.5] * 20)  # problems that agree say no more than 20 answers
    >>> halves.estimate, round(halves.low, 3), round(halves.high, 3)
    (0.5, 0.299, 0.701)
    """
    values = _bounded(shares, 0.0, 1.0)
    if not len(values):
        return UNDEFINED
    share = float(values.mean())
    return share_of_clusters(share, _deviation(values), len(values), point=point)


def stratified_share(strata: Sequence[tuple[int, int, int]]) -> Interval:
    """Estimate a share of a whole of which each stratum was sampled for itself.

    p = sum w_i p_i,  bounds = p -+ sqrt(sum w_i^2 (p_i - bound_i)^2) with Wilson's bounds of each stratum: Newcombe's
    square-and-add (1998), with fixed weights as Yan and Su (2010) have it. `n` is how many were sampled.

    Args:
        strata: of each its size, successes in its sample, and the sample's size.

    Returns:
        UNDEFINED where a stratum that is not empty was not sampled.

    >>> found = stratified_share([(100, 9, 10), (900, 1, 20)])  # a tenth at .9, the rest at .05
    >>> round(found.estimate, 3), round(found.low, 3), round(found.high, 3), found.n
    (0.135, 0.087, 0.303, 30)
    """
    known = [(size, successes, n) for size, successes, n in strata if size]
    whole = sum(size for size, _, _ in known)
    if not known or not all(n for _, _, n in known):
        return UNDEFINED
    shares = [(size / whole, wilson(successes, n)) for size, successes, n in known]
    estimate = sum(weight * share.estimate for weight, share in shares)
    below = math.hypot(*(weight * share.below for weight, share in shares))
    above = math.hypot(*(weight * share.above for weight, share in shares))
    return Interval(estimate, estimate - below, estimate + above, n=sum(n for _, _, n in known))


def share_of_clusters(share: float, deviation: float, n: int, *, point: float = NORMAL_POINT) -> Interval:
    """Return Wilson's interval of a share that is known from `n` clusters of samples, as the samples of a problem.

    `deviation` is the standard error of the share, as clusters scatter (no Bessel correction). As many independent
    answers are counted as would scatter alike (Kish's effective sample size), p (1 - p) / deviation^2, times (z / t)^2
    for the deviation itself being estimated from n clusters (Korn and Graubard 1998). Never fewer than n, unless
    clusters of unequal size scatter more. Where all clusters agree, that they do is no evidence: n.
    """
    effective = _effective(share * (1 - share), deviation, n)
    return _wilson(share, effective, n, point)


def paired_difference(a: Numbers, b: Numbers, *, point: float = NORMAL_POINT) -> Interval:
    """Return the mean of `a` minus that of `b`, shares from 0 to 1 on the same problems, with Tango's interval.

    Above zero means that `a` is larger. The values are right or wrong, or averages of several samples per problem: see
    `mean_difference`.

    >>> found = paired_difference([1, 1, 1, 0], [0, 1, 0, 0])
    >>> found.estimate, round(found.low, 3), round(found.high, 3)
    (0.5, -0.235, 0.85)
    """
    first, second = _bounded(a, 0.0, 1.0), _bounded(b, 0.0, 1.0)
    if first.shape != second.shape:
        raise ValueError(f"paired values differ in shape: {first.shape} and {second.shape}")
    return mean_difference(first - second, point=point)


def unpaired_difference(a: Interval, b: Interval) -> Interval:
    """Return the share `a` minus the share `b` of other items, with Newcombe's interval (1998, method 10).

    low = d - sqrt((a - a_low)^2 + (b_high - b)^2), high = d + sqrt((a_high - a)^2 + (b - b_low)^2). Its `n` is that of
    the smaller sample; it is undefined where one of the shares is.

    >>> found = unpaired_difference(wilson(56, 70), wilson(48, 80))
    >>> round(found.estimate, 4), round(found.low, 4), round(found.high, 4)
    (0.2, 0.0524, 0.3339)
    """
    if not (a.is_defined and b.is_defined):
        return UNDEFINED
    difference = a.estimate - b.estimate
    below = math.hypot(a.estimate - a.low, b.high - b.estimate)
    above = math.hypot(a.high - a.estimate, b.estimate - b.low)
    return Interval(estimate=difference, low=difference - below, high=difference + above, n=min(a.n, b.n))


def mean_difference(differences: Numbers, *, point: float = NORMAL_POINT) -> Interval:
    """Estimate the mean of paired differences from -1 to 1, one per problem, with Tango's score interval (1998).

    Where outcomes are right or wrong, of n pairs b differ one way and c the other. The bounds are the differences d at
    which

        (b - c - n d) / sqrt(n (2 q + d (1 - d))) = -+ z,   q the likeliest share of the second kind, given d

    So only pairs that differ count, d = 0 is McNemar's test, and no pair that differs gives -+ z^2 / (n + z^2).
    Differences of averages (several samples per problem, several seeds) enter as fractions of pairs, times the number
    of pairs that would scatter alike: see `share_of_clusters`.

    >>> none = mean_difference([0.0] * 20)
    >>> none.estimate, round(none.low, 3), round(none.high, 3)
    (0.0, -0.161, 0.161)
    """
    values = _bounded(differences, -1.0, 1.0)
    n = len(values)
    if not n:
        return UNDEFINED
    more, less = float(values.clip(min=0).mean()), float(-values.clip(max=0).mean())
    effective = _effective(more + less - (more - less) ** 2, _deviation(values), n)
    low = -_tango_bound(less, more, effective, point)
    high = _tango_bound(more, less, effective, point)
    estimate = more - less
    return Interval(estimate=estimate, low=min(estimate, low), high=max(estimate, high), n=n)


def pass_at_k(n: int, c: int, k: int) -> float:
    """Return the unbiased estimate that one of `k` samples is right, from `n` samples of which `c` were right.

    1 - C(n - c, k) / C(n, k)   (Chen et al. 2021, eq. 1); NaN if n < k.

    >>> pass_at_k(4, 1, 2), pass_at_k(4, 0, 2), pass_at_k(1, 1, 2)
    (0.5, 0.0, nan)
    """
    if not 0 <= c <= n or k < 1:
        raise ValueError(f"pass_at_k needs 0 <= c <= n and k >= 1, not n={n}, c={c}, k={k}")
    if n < k:
        return math.nan
    return 1.0 - math.comb(n - c, k) / math.comb(n, k)


def _wilson(p: float, size: float, n: int, z: float) -> Interval:
    """Return Wilson's interval of a share of `size` answers, which need not be a whole number; `n` is what it says."""
    shrink = 1 + z * z / size
    centre = (p + z * z / (2 * size)) / shrink
    half = z / shrink * math.sqrt(max(0.0, p * (1 - p)) / size + z * z / (4 * size * size))
    # Rounding may push a bound past the estimate where they coincide, at 0 and 1.
    return Interval(estimate=p, low=max(0.0, min(p, centre - half)), high=min(1.0, max(p, centre + half)), n=n)


def _tango_bound(more: float, less: float, n: float, z: float) -> float:
    """Return the largest difference that the score test does not refuse, from shares of pairs that differ each way."""

    def score(difference: float) -> float:
        b = (2 - more + less) * difference - more - less
        rest = (math.sqrt(max(0.0, b * b + 8 * less * difference * (1 - difference))) - b) / 4
        variance = (2 * rest + difference * (1 - difference)) / n
        return (difference - more + less) / math.sqrt(variance) if variance > 0 else math.inf

    return _crossing(lambda difference: score(difference) >= z, more - less, 1.0)


def _crossing(is_past: Callable[[float], bool], low: float, high: float) -> float:
    """Return where, from low to high, it begins to be past, by bisection to double precision."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if is_past(middle) else (middle, high)
    return high


def _effective(of_one: float, deviation: float, n: int) -> float:
    """Return how many independent outcomes of this variance would scatter as the mean does; see `share_of_clusters`."""
    if n < 2 or of_one <= ROUNDING or deviation <= ROUNDING:
        return n
    seen = of_one / deviation**2
    return max(seen * (NORMAL_POINT / t_quantile(0.975, n - 1)) ** 2, min(seen, n))


def _deviation(values: npt.NDArray[np.float64]) -> float:
    """Return the standard error of a mean, without Bessel's correction; exactly 0 where all values are alike."""
    return 0.0 if alike(values) else float(values.std()) / math.sqrt(len(values))


def _bounded(values: Numbers, least: float, most: float) -> npt.NDArray[np.float64]:
    """Return the values as an array.

    Raises:
        ValueError: they are no list, or not all lie where shares, or their differences, do.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"one value per problem is needed, not an array of shape {array.shape}")
    if not ((array >= least - ROUNDING) & (array <= most + ROUNDING)).all():
        raise ValueError(f"not all values lie from {least:g} to {most:g}")
    return array
