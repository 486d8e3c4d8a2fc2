"""Agreement says how far two readings of the same texts agree: a detector and people, two judges, a judge and patterns.

There are two units. *Presence*: does a completion show the behaviour at all. *Spans*: where it shows, matched one to
one, so that as many pairs as possible overlap enough. Kappa treats both sides alike; precision and recall take the
first side, the reference, as the truth.

What one side could not tell is left out, and counted. What is undefined (precision without finds, kappa where both
sides say the same of everything) is NaN. Intervals are at 95 %, over completions:
    - a share of completions (precision and recall of presence): Wilson's;
    - F1 of presence: with J = both / (at least one), a share of completions, F1 = 2 J / (1 + J), so Wilson's of J;
    - kappa, and all about spans, which come in clusters: bootstrap over completions (percentiles of the resamples in
      which the number is defined). Where that has no width, as without a single error, Wilson's over the completions
      that could have shown one stands in for it: no error in few completions is no proof.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from secondthought.errors import ConfigError
from secondthought.stats import Interval, wilson
from secondthought.types import Reading, Span

Table = npt.NDArray[np.int64]
"""A row of counts per completion, or their sums per resample."""
Numbers = npt.NDArray[np.float64]
_NAN = float("nan")
RESAMPLES = 10_000
_CELLS = 4_000_000
"""Resampled weights that exist at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """An `Agreement` holds the numbers of one behaviour; `n` of its intervals counts the completions behind them."""

    behavior: str
    compared: int
    """Completions of which both sides could tell."""
    missing: int
    """Completions left out."""
    both: int
    """Completions (or pairs of spans) that both sides have."""
    only_reference: int
    only_other: int
    kappa: Interval
    """Cohen's kappa; of spans, over code points: inside a span or not."""
    precision: Interval
    recall: Interval
    f1: Interval


def presence_agreement(
    reference: Sequence[Reading], other: Sequence[Reading], behavior: str, rng: np.random.Generator
) -> Agreement:
    """Measure the agreement on which completions show a behaviour; see the module.

    >>> def says(count):
    ...     return Reading(counts={"verification": count})
    >>> truth, guess = [says(1)] * 20 + [says(0)] * 10, [says(2)] * 15 + [says(0)] * 15
    >>> found = presence_agreement(truth, guess, "verification", np.random.default_rng(0))
    >>> round(found.kappa.estimate, 3), found.precision.estimate, found.recall.estimate
    (0.667, 1.0, 0.75)
    """
    shown = [(a.shows(behavior), b.shows(behavior)) for a, b in _pairs(reference, other, behavior)]
    known = [(a, b) for a, b in shown if a is not None and b is not None]
    # Columns: both, only the reference, only the other, neither.
    rows = [[a and b, a and not b, b and not a, not (a or b)] for a, b in known]
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    both, only_reference, only_other, _ = (int(total) for total in table.sum(0))
    return Agreement(
        behavior=behavior,
        compared=len(known),
        missing=len(shown) - len(known),
        both=both,
        only_reference=only_reference,
        only_other=only_other,
        kappa=_bootstrap(table, _kappa, rng, _least_class(table)),
        precision=wilson(both, both + only_other),
        recall=wilson(both, both + only_reference),
        f1=_f1_of_share(wilson(both, both + only_other + only_reference)),
    )


def span_agreement(
    reference: Sequence[Reading],
    other: Sequence[Reading],
    behavior: str,
    lengths: Sequence[int],
    rng: np.random.Generator,
    *,
    least_overlap: float = 0.0,
) -> Agreement:
    """Measure the agreement on where a behaviour shows; see the module.

    `lengths` are the completions' lengths in code points, which kappa needs. Two spans may be matched if they share a
    code point and their overlap over their union (IoU) is at least `least_overlap`; at 0 any overlap is enough. A
    reading that counts more than it points at cannot be compared: missing.
    """
    if not 0 <= least_overlap <= 1:
        raise ConfigError(f"agreement: least_overlap is {least_overlap}; it is a share from 0 to 1")
    pairs = list(zip(_pairs(reference, other, behavior), lengths, strict=True))
    placed = [(_spans(a, behavior), _spans(b, behavior), length) for (a, b), length in pairs]
    known = [(a, b, length) for a, b, length in placed if a is not None and b is not None]
    # Columns: pairs, spans of each side alone; code points of both, of each side alone, of neither.
    table = np.array([_span_row(a, b, length, least_overlap) for a, b, length in known], dtype=np.int64).reshape(-1, 7)
    both, only_reference, only_other = (int(total) for total in table[:, :3].sum(0))
    return Agreement(
        behavior=behavior,
        compared=len(known),
        missing=len(placed) - len(known),
        both=both,
        only_reference=only_reference,
        only_other=only_other,
        kappa=_bootstrap(table[:, 3:], _kappa, rng, _least_class(table[:, 3:])),
        precision=_bootstrap(table[:, [0, 2]], _share, rng),
        recall=_bootstrap(table[:, [0, 1]], _share, rng),
        f1=_bootstrap(table[:, :3], _f1, rng),
    )


def _pairs(reference: Sequence[Reading], other: Sequence[Reading], behavior: str) -> list[tuple[Reading, Reading]]:
    if len(reference) != len(other):
        raise ConfigError(f"agreement: {len(reference)} readings cannot be compared with {len(other)}")
    if any(behavior not in reading.counts for reading in (*reference, *other)):
        raise ConfigError(f"agreement: one side does not look for {behavior}; compare what both look for")
    return list(zip(reference, other, strict=True))


def _spans(reading: Reading, behavior: str) -> list[Span] | None:
    spans = [span for span in reading.spans if span.behavior == behavior]
    count = reading.counts[behavior]
    return None if count is None or len(spans) < count else spans


def _span_row(a: Sequence[Span], b: Sequence[Span], length: int, least_overlap: float) -> list[int]:
    pairs = matched_pairs(a, b, least_overlap)
    in_a, in_b = covered(a, length), covered(b, length)
    shared = int((in_a & in_b).sum())
    only_a, only_b = int(in_a.sum()) - shared, int(in_b.sum()) - shared
    return [pairs, len(a) - pairs, len(b) - pairs, shared, only_a, only_b, length - shared - only_a - only_b]


def overlap(a: Span, b: Span) -> float:
    """Divide the shared code points by all code points of both spans (IoU); 0 if they share none.

    >>> def span(start, end):
    ...     return Span(behavior="b", start=start, end=end, text="")
    >>> overlap(span(0, 4), span(2, 6)), overlap(span(0, 2), span(2, 4))
    (0.3333333333333333, 0.0)
    """
    shared = min(a.end, b.end) - max(a.start, b.start)
    return max(0, shared) / (max(a.end, b.end) - min(a.start, b.start)) if shared > 0 else 0.0


def matched_pairs(a: Sequence[Span], b: Sequence[Span], least_overlap: float = 0.0) -> int:
    """Count the most pairs that overlapping spans can form, each span in one pair at most (augmenting paths)."""
    fits = [
        [j for j, second in enumerate(b) if (share := overlap(first, second)) > 0 and share >= least_overlap]
        for first in a
    ]
    of_b: dict[int, int] = {}
    of_a: dict[int, int] = {}
    for i in range(len(a)):
        _pair(i, fits, of_a, of_b)
    return len(of_a)


def _pair(i: int, fits: Sequence[Sequence[int]], of_a: dict[int, int], of_b: dict[int, int]) -> None:
    """Give `i` a partner, moving others to another partner where that makes room; do nothing if there is no way."""
    reached: dict[int, int] = {}
    queue = deque([i])
    while queue:
        at = queue.popleft()
        for j in fits[at]:
            if j in reached:
                continue
            reached[j] = at
            if j in of_b:
                queue.append(of_b[j])
                continue
            free: int | None = j
            while free is not None:
                mover = reached[free]
                left = of_a.get(mover)
                of_a[mover], of_b[free] = free, mover
                free = left
            return


def covered(spans: Sequence[Span], length: int) -> npt.NDArray[np.bool_]:
    """Mark the code points of a text that lie in a span."""
    inside = np.zeros(length, dtype=np.bool_)
    for span in spans:
        inside[span.start : span.end] = True
    return inside


def _kappa(sums: Table) -> Numbers:
    """Compute (p - e) / (1 - e): observed agreement p, and e that of two independent sides (Cohen 1960)."""
    both, only_a, only_b, neither = np.moveaxis(sums.astype(np.float64), -1, 0)
    total = both + only_a + only_b + neither
    in_a, in_b = both + only_a, both + only_b
    observed = (both + neither) * total
    expected = in_a * in_b + (total - in_a) * (total - in_b)
    return _ratio(observed - expected, total * total - expected)


def _share(sums: Table) -> Numbers:
    return _ratio(sums[..., 0], sums.sum(-1))


def _f1(sums: Table) -> Numbers:
    """Compute 2 both / (2 both + only one side)."""
    return _ratio(2 * sums[..., 0], 2 * sums[..., 0] + sums[..., 1] + sums[..., 2])


def _ratio(above: npt.ArrayLike, below: npt.ArrayLike) -> Numbers:
    top, bottom = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    ratio: Numbers = np.divide(top, bottom, out=np.full(bottom.shape, _NAN), where=bottom != 0)
    return ratio


def _bootstrap(
    table: Table, number: Callable[[Table], Numbers], rng: np.random.Generator, informative: int | None = None
) -> Interval:
    """Compute a number of the sums over completions, with percentiles over resampled completions.

    `informative` completions would have shown an error if they had one; by default those with a count at all.
    """
    n = len(table)
    estimate = float(number(table.sum(0)))
    if n < 2 or math.isnan(estimate):
        return Interval(estimate=estimate, low=_NAN, high=_NAN, n=n)
    # Completions with equal rows are exchangeable: counting the distinct ones is the same bootstrap, much faster.
    rows, counts = np.unique(table, axis=0, return_counts=True)
    size = max(1, _CELLS // len(rows))
    draws = [
        number(rng.multinomial(n, counts / n, size=min(size, RESAMPLES - done)) @ rows)
        for done in range(0, RESAMPLES, size)
    ]
    resampled = np.concatenate(draws)
    low, high = (float(bound) for bound in np.quantile(resampled[~np.isnan(resampled)], [0.025, 0.975]))
    if low == high:
        informative = int(table.any(1).sum()) if informative is None else informative
        wide = wilson(round(max(0.0, estimate) * informative), informative)
        low, high = min(estimate, wide.low), max(estimate, wide.high)
    return Interval(estimate=estimate, low=low, high=high, n=n)


def _least_class(table: Table) -> int:
    """Count the completions in which a side has something, or in which one has not: the fewer tell kappa most."""
    return int(min(table[:, :3].any(1).sum(), table[:, 1:].any(1).sum()))


def _f1_of_share(share: Interval) -> Interval:
    def f1(j: float) -> float:
        return 2 * j / (1 + j)

    return Interval(estimate=f1(share.estimate), low=f1(share.low), high=f1(share.high), n=share.n)
