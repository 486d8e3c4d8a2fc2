"""The largest matching of calls with what is wanted: parallel calls are right in any order, whatever each could be."""

from __future__ import annotations

from collections.abc import Callable


def largest_matching(left: int, right: int, fits: Callable[[int, int], bool]) -> dict[int, int]:
    """Return the largest set of pairs, from left to right, in which nobody occurs twice (augmenting paths).

    >>> largest_matching(2, 2, lambda call, wanted: wanted == 0 or call == 0) == {0: 1, 1: 0}
    True
    """
    partners: dict[int, int] = {}

    def find(one: int, seen: set[int]) -> bool:
        for other in range(right):
            if other in seen or not fits(one, other):
                continue
            seen.add(other)
            if other not in partners or find(partners[other], seen):
                partners[other] = one
                return True
        return False

    for one in range(left):
        find(one, set())
    return {one: other for other, one in partners.items()}


def greedy_matching(left: int, right: int, fits: Callable[[int, int], bool]) -> dict[int, int]:
    """Return the pairs of a first fit from the right: each takes the first that is free, as the leaderboard does."""
    pairs: dict[int, int] = {}
    for other in range(right):
        found = next((one for one in range(left) if one not in pairs and fits(one, other)), None)
        if found is None:
            break
        pairs[found] = other
    return pairs
