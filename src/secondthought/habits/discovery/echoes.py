"""An echo is a change that another one explains: `lucky` rises where `as an aside the number # is lucky` does.

The more words, the more a phrase says, so long ones are kept first. A shorter one is an echo if little is left of its
change in the texts that do not hold, at the same place or in so many words, one phrase that was kept. A phrase that
goes on in several ways (`let me try`, `let me see`) is the echo of none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from secondthought.habits.discovery.changes import ExactTest
from secondthought.habits.discovery.words import Numbers

LEFT = 1 / 3
"""Share of a change that must be left for it not to be an echo."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundPhrase:
    """A `FoundPhrase` is a run of words, with the texts that hold it and where each does first."""

    words: tuple[str, ...]
    """The phrase as far as nearly all its texts have it."""
    length: int
    """How many words stand at each place for certain."""
    texts: Numbers
    places: Numbers


class Measures(Protocol):
    """`Measures` measures the change of what some texts hold."""

    def test(self, holders: Numbers) -> ExactTest:
        """Test if as many texts of either side hold it."""
        ...

    def rise(self, holders: Numbers) -> float:
        """Return by how much the share of texts that hold it rose."""
        ...


def echoes(phrases: Sequence[FoundPhrase], sides: Measures, alpha: float) -> list[bool]:
    """Find which phrases another one explains.

    Args:
        phrases: what was found.
        sides: measures changes.
        alpha: with a p-value above it, nothing is left of a change.
    """
    is_echo = [True] * len(phrases)
    kept: list[FoundPhrase] = []
    for place in sorted(range(len(phrases)), key=lambda place: -len(phrases[place].words)):
        if not any(_explains(longer, phrases[place], sides, alpha) for longer in kept):
            kept.append(phrases[place])
            is_echo[place] = False
    return is_echo


def _explains(longer: FoundPhrase, phrase: FoundPhrase, sides: Measures, alpha: float) -> bool:
    """Tell whether little is left of a phrase's change without the texts in which the longer one says it."""
    rest = np.setdiff1d(phrase.texts, _told_by(longer, phrase), assume_unique=True)
    if len(rest) == len(phrase.texts):
        return False
    return not len(rest) or sides.test(rest).p > alpha or sides.rise(rest) / sides.rise(phrase.texts) < LEFT


def _told_by(longer: FoundPhrase, phrase: FoundPhrase) -> Numbers:
    """Return the texts of a phrase in which the longer one says it."""
    if f" {' '.join(phrase.words)} " in f" {' '.join(longer.words)} ":
        return longer.texts
    both, at, at_longer = np.intersect1d(phrase.texts, longer.texts, assume_unique=True, return_indices=True)
    first, first_of_longer = phrase.places[at], longer.places[at_longer]
    meets = (first < first_of_longer + longer.length) & (first_of_longer < first + phrase.length)
    return both[meets]
