"""Grams that nearly the same texts hold say one thing: the longest of them stands for all, and a list says it once.

Which texts are of which side plays no part here, so that what is tested afterwards was not chosen by its result.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secondthought.habits.discovery.grams import Gram
from secondthought.habits.discovery.words import Numbers, WordTable

ALIKE = 0.9
"""Texts that two grams have in common, of those that hold either: from here on they say one thing."""
_LONGEST_NAME = 24


def folded(grams: Sequence[Gram]) -> list[Gram]:
    """Return the grams without those that a longer one stands for.

    A gram is compared with those of one word more that hold it, so overlapping parts of one long phrase fold too.
    """
    kept_by = list(range(len(grams)))

    def keeper(place: int) -> int:
        while kept_by[place] != place:
            kept_by[place] = kept_by[kept_by[place]]
            place = kept_by[place]
        return place

    for place in sorted(range(len(grams)), key=lambda place: -len(grams[place].words)):
        for part in grams[place].within:
            first, second = sorted((keeper(place), keeper(part)), key=lambda place: _rank(grams[place]))
            if first != second and _are_alike(grams[first].texts, grams[second].texts):
                kept_by[second] = first
    return [gram for place, gram in enumerate(grams) if kept_by[place] == place]


def in_full(table: WordTable, places: Numbers, length: int) -> tuple[str, ...]:
    """Return the phrase that a gram is a part of: its words, and those before and after it in nearly all its texts.

    Args:
        table: the words of the texts.
        places: where in the table the gram stands, once for each of its texts.
        length: its words.
    """
    words = list(table.words(int(places[0]), length))
    for step, at in ((1, places + length), (-1, places - 1)):
        while len(words) < _LONGEST_NAME and (word := _common(table, places, at)) is not None:
            words.insert(len(words) if step > 0 else 0, table.vocabulary[word])
            at = at + step
    return tuple(words)


def _common(table: WordTable, places: Numbers, at: Numbers) -> int | None:
    """Return the word that stands at these entries of nearly all texts, in the sentence of their places."""
    inside = (at >= 0) & (at < len(table.word))
    inside[inside] = table.sentence[at[inside]] == table.sentence[places[inside]]
    words, counts = np.unique(table.word[at[inside]], return_counts=True)
    if not len(counts) or counts.max() < ALIKE * len(places):
        return None
    return int(words[counts.argmax()])


def _rank(gram: Gram) -> tuple[int, int, tuple[str, ...]]:
    return -len(gram.words), -len(gram.texts), gram.words


def _are_alike(a: Numbers, b: Numbers) -> bool:
    """Tell whether two sets of texts, each in order, are nearly one."""
    least, most = sorted((len(a), len(b)))
    if least < ALIKE * most:
        return False
    both = len(np.intersect1d(a, b, assume_unique=True))
    return both >= ALIKE * (len(a) + len(b) - both)
