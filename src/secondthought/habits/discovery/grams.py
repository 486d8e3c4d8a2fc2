"""Grams are runs of words within a sentence; here they are counted by the texts that hold them.

Runs of n words are looked for only where both runs of n - 1 in them are frequent, so that memory is bounded by what is
frequent. A text does not hold what its own problem says: copying is nobody's habit. Runs of nothing but articles,
prepositions and the like are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from secondthought.habits.discovery.words import GRAMMAR, Numbers, WordTable

_NONE = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gram:
    """A `Gram` is a run of words, with the texts that hold it, and where in the table each of them does first."""

    words: tuple[str, ...]
    texts: Numbers
    places: Numbers
    within: tuple[int, ...]
    """Places, in the list that this one is from, of the two grams that it has without its last or its first word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrequentGrams:
    """`FrequentGrams` are the grams that enough texts hold, the short ones first."""

    grams: tuple[Gram, ...]
    in_problems: int
    """How many would be among them if texts held what their problems say."""


def frequent_grams(table: WordTable, given: Numbers, *, longest: int, least: int) -> FrequentGrams:
    """Find all runs of up to `longest` words that at least `least` texts hold.

    Args:
        table: the words of the texts, and after them those of what was given.
        given: for each text, the place in the table of what was given for it.
        longest: words of the longest grams.
        least: texts that must hold a gram.
    """
    found: list[Gram] = []
    in_problems = 0
    level = _Level.of_words(table)
    for length in range(1, longest + 1):
        level = level.frequent(table, len(given), least)
        numbers = np.full(level.count, _NONE)
        for number, texts, places, is_said in level.holders(table, given):
            words = table.words(int(places[0]), length)
            if GRAMMAR.issuperset(words):
                continue
            texts, places = texts[~is_said], places[~is_said]
            if len(texts) < least:
                in_problems += 1
                continue
            numbers[number] = len(found)
            within = tuple(int(place) for place in level.within[number] if place != _NONE)
            found.append(Gram(words=words, texts=texts, places=places, within=within))
        level = level.longer(table, length, numbers)
    return FrequentGrams(grams=tuple(found), in_problems=in_problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    """A `_Level` knows which gram of one length begins at each entry of the table, `_NONE` where none does."""

    number: Numbers
    count: int
    within: Numbers
    """For each gram, the places in the list of what it is made of."""

    @classmethod
    def of_words(cls, table: WordTable) -> _Level:
        count = len(table.vocabulary)
        return cls(number=table.word, count=count, within=np.full((count, 2), _NONE))

    def frequent(self, table: WordTable, num_texts: int, least: int) -> _Level:
        """Return the grams that enough texts hold, what their problems say included."""
        own = (self.number != _NONE) & (table.text < num_texts)
        pairs = np.unique(self.number[own] * num_texts + table.text[own])
        kept = np.bincount(pairs // num_texts, minlength=self.count) >= least
        renumbered = np.append(np.where(kept, np.cumsum(kept) - 1, _NONE), _NONE)  # the last one is for `_NONE` itself
        return _Level(number=renumbered[self.number], count=int(kept.sum()), within=self.within[kept])

    def holders(
        self, table: WordTable, given: Numbers
    ) -> Iterator[tuple[int, Numbers, Numbers, npt.NDArray[np.bool_]]]:
        """Yield each gram's number, the texts that hold it, where they do first, and if their problem holds it too."""
        size = 1 + max(int(table.text.max(initial=0)), int(given.max(initial=0)))
        here = np.flatnonzero(self.number != _NONE)
        keys, first = np.unique(self.number[here] * size + table.text[here], return_index=True)
        own = keys % size < len(given)
        numbers, texts, places = keys[own] // size, keys[own] % size, here[first[own]]
        said = np.isin(numbers * size + given[texts], keys[~own])
        bounds = np.searchsorted(numbers, np.arange(self.count + 1))
        for number in range(self.count):
            part = slice(bounds[number], bounds[number + 1])
            yield number, texts[part], places[part], said[part]

    def longer(self, table: WordTable, length: int, listed: npt.NDArray[np.int64]) -> _Level:
        """Return the grams of one word more: where a gram follows one that it overlaps, in the same sentence."""
        fits = np.zeros(len(self.number), dtype=bool)
        last = len(self.number) - length
        if last > 0:
            same = table.sentence[:last] == table.sentence[length:]
            fits[:last] = same & (self.number[:last] != _NONE) & (self.number[1 : last + 1] != _NONE)
        here = np.flatnonzero(fits)
        keys, inverse = np.unique(self.number[here] * max(1, self.count) + self.number[here + 1], return_inverse=True)
        number = np.full(len(self.number), _NONE)
        number[here] = inverse
        left, right = np.divmod(keys, max(1, self.count))
        within = np.stack([listed[left], listed[right]], axis=1) if len(keys) else np.full((0, 2), _NONE)
        return _Level(number=number, count=len(keys), within=within)
