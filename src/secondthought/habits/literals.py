"""`Literals` finds in one pass where many literals occur in a text: the cheap first look that ends most searches.

It is Aho-Corasick by `ahocorasick_rs` where that is installed (Apache-2.0, no dependencies of its own), else one
regular expression of the standard library, several times slower with the same hits. An automaton and not RE2, since
hits come as code points of the text itself: RE2 works on bytes and every offset would have to be translated back.

Neither case nor the kind of apostrophe counts. The text is made lower and its apostrophes straight before it is read:
an automaton with every form of every literal would have four times the states, and be slower for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

try:
    import ahocorasick_rs
except ImportError:  # the same hits by `re`
    ahocorasick_rs = None


class Hit(NamedTuple):
    """A `Hit` says where a literal begins and ends, and the number it was given."""

    start: int
    end: int
    number: int


class Literals:
    """`Literals` are strings numbered from 0 that can be looked for in texts."""

    def __init__(self, literals: Iterable[str], *, fast: bool = True) -> None:
        """Prepare the search; without `fast`, the standard library does it even where the automaton is at hand."""
        forms = {lowered(text): number for number, text in enumerate(literals)}
        self._find: Any = _Automaton(forms) if fast and ahocorasick_rs is not None and forms else _Expression(forms)

    def hits(self, text: str) -> Iterator[Hit]:
        """Yield the occurrences, ordered by end and then by start; one that begins inside a word is left out."""
        for start, end, number in self._find(lowered(text)):
            if start and text[start].isalnum() and text[start - 1].isalnum():
                continue
            yield Hit(start, end, number)


class _Automaton:
    def __init__(self, forms: Mapping[str, int]) -> None:
        self._numbers = tuple(forms.values())
        # A table of all transitions takes some megabytes, and half the time of the default.
        self._automaton = ahocorasick_rs.AhoCorasick(list(forms), implementation=ahocorasick_rs.Implementation.DFA)

    def __call__(self, text: str) -> list[tuple[int, int, int]]:
        try:
            found = self._automaton.find_matches_as_indexes(text, overlapping=True)
        except UnicodeEncodeError:  # half a character, which is part of no literal
            found = self._automaton.find_matches_as_indexes(text.encode(errors="replace").decode(), overlapping=True)
        numbers = self._numbers
        return [(start, end, numbers[place]) for place, start, end in found]


class _Expression:
    """An `_Expression` searches by `re`: a look-ahead finds each place, and prefixes of the longest literal there."""

    def __init__(self, forms: Mapping[str, int]) -> None:
        self._forms = forms
        self._lengths = sorted({len(form) for form in forms})
        longest_first = sorted(forms, key=len, reverse=True)
        self._regex = re.compile("(?=(" + "|".join(map(re.escape, longest_first)) + "))") if forms else None

    def __call__(self, text: str) -> list[tuple[int, int, int]]:
        if self._regex is None:
            return []
        found = [
            (match.start(), match.start() + length, self._forms[match[1][:length]])
            for match in self._regex.finditer(text)
            for length in self._lengths
            if length <= len(match[1]) and match[1][:length] in self._forms
        ]
        return sorted(found, key=lambda hit: (hit[1], hit[0]))


def lowered(text: str) -> str:
    """Return the text in lower case and with straight apostrophes, each character in its place."""
    lower = text.lower()
    if len(lower) != len(text):  # a few capitals of other scripts become two characters
        lower = "".join(char.lower() if len(char.lower()) == 1 else char for char in text)
    return lower.replace("\u2019", "'")
