"""Rich and poor documents are paired: of one source, both with a problem or both without, so with solutions, as long.

So the two sets differ in habits, and in nothing else that is measured. Pairs are taken from the richest down until each
set has its tokens; the last document of a set is cut.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from secondthought.data.corpora.selection.candidates import Candidate, Kind
from secondthought.errors import ConfigError

LONGER = 1.25
"""A document of a pair may be longer than the other by this factor at most."""


class Pair(NamedTuple):
    """A `Pair` is a document with habits, and one without that is like it."""

    rich: Candidate
    poor: Candidate


class Chosen(NamedTuple):
    """A `Chosen` document goes into a set with its first `tokens` tokens."""

    candidate: Candidate
    tokens: int


def pairs_of(candidates: Sequence[Candidate]) -> list[Pair]:
    """Pair rich documents with free poor ones of their kind and length, from the richest down; some stay alone.

    Of those that are near enough the one is taken that brings the tokens of both sides so far closest together: else
    one side would be longer throughout, and reach its budget with fewer documents.
    """
    free: dict[Kind, list[tuple[int, Candidate]]] = {}
    for candidate in candidates:
        if not candidate.finds:
            free.setdefault(candidate.kind, []).append((candidate.tokens, candidate))
    for others in free.values():
        others.sort()
    rich = sorted((each for each in candidates if each.finds), key=lambda each: (-each.density, each.lot))
    return list(_paired(rich, free))


def _paired(rich: Sequence[Candidate], free: dict[Kind, list[tuple[int, Candidate]]]) -> Iterator[Pair]:
    ahead = 0  # tokens that the rich side has more
    for candidate in rich:
        others = free.get(candidate.kind, [])
        least, most = candidate.tokens / LONGER, candidate.tokens * LONGER
        wanted = min(max(candidate.tokens + ahead, least), most)
        place = bisect_left(others, (wanted,))
        near = [at for at in (place - 1, place) if 0 <= at < len(others) and least <= others[at][0] <= most]
        if near:
            best = min(near, key=lambda at: (abs(others[at][0] - wanted), at))
            tokens, other = others.pop(best)
            ahead += candidate.tokens - tokens
            yield Pair(candidate, other)


def to_budget(pairs: Sequence[Pair], tokens: int) -> tuple[list[Chosen], list[Chosen]]:
    """Take pairs in order until each set has exactly so many tokens.

    Raises:
        ConfigError: the pairs hold fewer.
    """
    held = min(sum(pair.rich.tokens for pair in pairs), sum(pair.poor.tokens for pair in pairs))
    if held < tokens:
        raise ConfigError(
            f"--tokens {tokens}: the {len(pairs)} pairs of like documents hold {held} tokens a side; ask for fewer, or"
            " measure more text"
        )
    return list(_filled((pair.rich for pair in pairs), tokens)), list(_filled((pair.poor for pair in pairs), tokens))


def _filled(candidates: Iterator[Candidate], tokens: int) -> Iterator[Chosen]:
    left = tokens
    for candidate in candidates:
        taken = min(left, candidate.tokens)
        yield Chosen(candidate, taken)
        left -= taken
        if not left:
            return
