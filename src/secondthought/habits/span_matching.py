"""Spans of two readings of one text laid against each other: which overlap, how many can be paired, what they cover."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from secondthought.types import Span


def overlap(a: Span, b: Span) -> float:
    """Shared code points over all code points of both (IoU); 0 if they share none.

    >>> def span(start, end):
    ...     return Span(behavior="b", start=start, end=end, text="")
    >>> overlap(span(0, 4), span(2, 6)), overlap(span(0, 2), span(2, 4))
    (0.3333333333333333, 0.0)
    """
    shared = min(a.end, b.end) - max(a.start, b.start)
    return max(0, shared) / (max(a.end, b.end) - min(a.start, b.start)) if shared > 0 else 0.0


def matched_pairs(a: Sequence[Span], b: Sequence[Span], least_overlap: float = 0.0) -> int:
    """The most pairs that can be made of overlapping spans, each span in one pair at most (augmenting paths)."""
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
    """Give `i` a partner, moving others to another partner where that makes room; nothing if it cannot be."""
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
    """Which of a text's code points lie in a span."""
    inside = np.zeros(length, dtype=np.bool_)
    for span in spans:
        inside[span.start : span.end] = True
    return inside
