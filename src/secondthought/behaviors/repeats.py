"""Loops: a text that says the same over and over says it once.

A loop is a block of words that follows itself: `A B C A B C A` is `A B C` and then four words that repeat what stood
three words before. What repeats is found word by word, exactly; a block that comes back after something else was said
in between is a loop only if it is long. Time and memory grow with the length of the text, whatever stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from secondthought.types import Span

WINDOW = 1500
"""How many words back a block may have begun."""
LONG = 40
"""Words in a row that count as repeated even if something else stood in between."""

_WORD = re.compile(r"\S+")
_CONTEXTS = (1, 2, 4)
"""Runs of how many words are looked up to find where a block was seen last."""


class Stretch(NamedTuple):
    """Code points `start` to `end` (exclusive)."""

    start: int
    end: int


def once(text: str, spans: Sequence[Span]) -> list[Span]:
    """The spans that do not lie in a repetition; loops are looked for only where two spans read the same.

    >>> loop = "Wait, no. " * 3
    >>> found = [Span(behavior="b", start=10 * i, end=10 * i + 9, text="Wait, no.") for i in range(3)]
    >>> [span.start for span in once(loop, found)]
    [0]
    """
    if not _suspect(spans):
        return list(spans)
    kept, stretches = [], repeated(text)
    position = 0
    for span in spans:
        while position < len(stretches) and stretches[position].end <= span.start:
            position += 1
        if position == len(stretches) or not stretches[position].start <= span.start:
            kept.append(span)
    return kept


def repeated(text: str) -> list[Stretch]:
    """Stretches that repeat what stood before them, in order and disjoint. The first occurrence is in none of them.

    >>> [text[a:b] for text in ["a b c a b c a"] for a, b in repeated(text)]
    ['a b c a']
    """
    places = [match.span() for match in _WORD.finditer(text)]
    numbers: dict[str, int] = {}
    words = [numbers.setdefault(text[start:end], len(numbers)) for start, end in places]
    runs = sorted(_runs(words))
    merged: list[list[int]] = []
    for first, last in runs:
        if merged and first <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([first, last])
    return [Stretch(places[first][0], places[last][1]) for first, last in merged]


def _runs(words: Sequence[int]) -> list[tuple[int, int]]:
    """First and last word of each run that equals, word by word, what stood some fixed number of words before."""
    seen: dict[tuple[int, ...], int] = {}
    tried: dict[int, int] = {}
    runs = []
    for place in range(len(words)):
        for size in _CONTEXTS:
            key = tuple(words[place + 1 - size : place + 1]) if place + 1 >= size else None
            if key is None:
                continue
            earlier = seen.get(key)
            seen[key] = place
            if earlier is None or place - earlier > WINDOW or tried.get(place - earlier, -1) >= place:
                continue
            first, last = _stretch(words, place, place - earlier)
            tried[place - earlier] = last
            if last - first + 1 >= min(place - earlier, LONG):
                runs.append((first, last))
    return runs


def _stretch(words: Sequence[int], place: int, lag: int) -> tuple[int, int]:
    first = last = place
    while first > lag and words[first - 1] == words[first - 1 - lag]:
        first -= 1
    while last + 1 < len(words) and words[last + 1] == words[last + 1 - lag]:
        last += 1
    return first, last


def _suspect(spans: Sequence[Span]) -> bool:
    return len({(span.behavior, span.text) for span in spans}) < len(spans) or any(
        len(span.text) > 300 for span in spans
    )
