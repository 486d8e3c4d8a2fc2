"""Two sides are made comparable: the same problems where most are common, and as many texts of each problem.

Exact tests ask if the sides could be exchanged. A problem with sixteen texts has one that holds something sooner than a
problem with one text has, so what a side has more of a problem is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from secondthought.habits.discovery.texts import WrittenText

_IN_COMMON = 0.5
"""Problems of either side that the other must have too, so that they are compared in pairs."""


class Matched(NamedTuple):
    """`Matched` sides can be exchanged, as far as numbers of texts go."""

    before: list[WrittenText]
    after: list[WrittenText]
    is_paired: bool


def matched(before: Sequence[WrittenText], after: Sequence[WrittenText]) -> Matched:
    """Return what of the two sides can be compared; of a problem, its first texts."""
    sides = [_by_problem(side) for side in (before, after)]
    common = sides[0].keys() & sides[1].keys()
    is_paired = bool(common) and all(len(common) >= _IN_COMMON * len(side) for side in sides)
    if is_paired:
        most = {problem: min(len(side[problem]) for side in sides) for problem in common}
        limits = [most, most]
    else:
        limits = [_limits(side, other) for side, other in (sides, reversed(sides))]
    first, second = (
        [text for problem, texts in side.items() for text in texts[: most.get(problem, 0)]]
        for side, most in zip(sides, limits, strict=True)
    )
    return Matched(before=first, after=second, is_paired=is_paired)


def _by_problem(texts: Sequence[WrittenText]) -> dict[str, list[WrittenText]]:
    found: dict[str, list[WrittenText]] = defaultdict(list)
    for text in texts:
        found[text.problem].append(text)
    return dict(found)


def _limits(side: Mapping[str, Sequence[WrittenText]], other: Mapping[str, Sequence[WrittenText]]) -> dict[str, int]:
    """Return how many texts of each problem to keep, so that numbers are spread alike on both sides.

    The problem with most texts is held against that of the other side, and so on down; where one side has more
    problems, by its rank among them.
    """
    ranked = sorted(side, key=lambda problem: -len(side[problem]))
    counts = sorted(map(len, other.values()), reverse=True)
    if not counts:
        return {problem: len(side[problem]) for problem in ranked}
    places = ((np.arange(len(ranked)) + 0.5) * len(counts) / len(ranked)).astype(int).tolist()
    return {problem: min(len(side[problem]), counts[at]) for problem, at in zip(ranked, places, strict=True)}
