"""Marked text is cut where habits begin and end, so that a page can mark them: strings and class names, no markup.

A text is shown as its tokens (pieces), and several readers may have found spans in it that overlap. A stretch is a part
of the text in which the same spans hold; a span that begins inside a token cuts it in two parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from string import ascii_lowercase, digits

from secondthought.habits.catalog import SHIPPED
from secondthought.types import Span


def tags_of(habits: Sequence[str]) -> tuple[str, ...]:
    """Return a letter for each habit: the first initial of its words, or else letter, that none before it has.

    >>> tags_of(["backtracking", "backward_chaining", "boasting"])
    ('B', 'C', 'O')
    """
    tags: list[str] = []
    for habit in habits:
        letters = [*(word[:1] for word in habit.split("_")), *habit, *ascii_lowercase, *digits]
        tags.append(next(letter.upper() for letter in letters if letter.isalnum() and letter.upper() not in tags))
    return tuple(tags)


HABITS = SHIPPED
"""The habits that the report marks; the style sheet has colours for six places."""
TAGS = tags_of(HABITS)
"""Letters that stand before marked spans, so that colours are never needed to tell them apart."""


@dataclass(frozen=True, slots=True)
class TokenPart:
    """A `TokenPart` is text of one token; `ends` is False where the token goes on in the next part."""

    text: str
    ends: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """A `Stretch` holds the parts over which the same spans hold.

    `classes` name the spans (reader's letter and place); `names` are their habits and `tags` those that begin here,
    both by the letter of the reader.
    """

    parts: tuple[TokenPart, ...]
    classes: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def stretches(pieces: Sequence[str], found: Mapping[str, Iterable[Span]]) -> tuple[Stretch, ...]:
    """Cut the text of the pieces at the spans that each reader found; what lies beyond the text is left out.

    Args:
        pieces: the tokens, or the whole text as one.
        found: spans by the letter of their reader.

    >>> spans = [Span(behavior="backtracking", start=1, end=3, text="bc")]
    >>> [("".join(part.text for part in one.parts), one.classes) for one in stretches(["ab", "cd"], {"w": spans})]
    [('a', ()), ('bc', ('w1',)), ('d', ())]
    """
    size = sum(map(len, pieces))
    marks = [
        (span.start, min(span.end, size), letter, HABITS.index(span.behavior))
        for letter, spans in found.items()
        for span in spans
        if span.behavior in HABITS and 0 <= span.start < min(span.end, size)
    ]
    cuts = sorted({0, size, *(place for mark in marks for place in mark[:2])})
    marks.sort()
    parts = _parts(pieces, cuts)
    shown, first, active = [], 0, list[tuple[int, int, str, int]]()
    for start in cuts[:-1]:
        active = [mark for mark in active if mark[1] > start]
        while first < len(marks) and marks[first][0] == start:
            active.append(marks[first])
            first += 1
        shown.append(_stretch(tuple(next(parts)), active, start))
    return tuple(shown)


def counted(counts: Mapping[str, int | None]) -> str:
    """Put counts into words.

    >>> counted({"verification": 2, "backtracking": 0, "subgoal_setting": None, "backward_chaining": 1})
    '2 verification, 1 backward chaining, subgoal setting not told'
    """
    some = [f"{count} {_words(name)}" for name, count in counts.items() if count]
    missing = [f"{_words(name)} not told" for name, count in counts.items() if count is None]
    return ", ".join([*some, *missing])


def _stretch(parts: tuple[TokenPart, ...], active: Sequence[tuple[int, int, str, int]], start: int) -> Stretch:
    return Stretch(
        parts=parts,
        classes=tuple(dict.fromkeys(f"{letter}{place}" for _, _, letter, place in active)),
        names=_by_letter(((letter, _words(HABITS[place])) for _, _, letter, place in active), ", "),
        tags=_by_letter(((letter, TAGS[place]) for begin, _, letter, place in active if begin == start), ""),
    )


def _by_letter(found: Iterable[tuple[str, str]], between: str) -> dict[str, str]:
    names: dict[str, dict[str, None]] = {}
    for letter, name in found:
        names.setdefault(letter, {})[name] = None
    return {letter: between.join(items) for letter, items in names.items()}


def _parts(pieces: Sequence[str], cuts: Sequence[int]) -> Iterator[list[TokenPart]]:
    """Yield the parts between each two cuts."""
    left = iter(pieces)
    piece = next(left, "")
    for start, end in pairwise(cuts):
        parts, space = [], end - start
        while space:
            if not piece:
                piece = next(left)
                continue
            parts.append(TokenPart(piece[:space], ends=len(piece) <= space))
            piece, space = piece[space:], space - len(parts[-1].text)
        yield parts


def _words(name: str) -> str:
    return name.replace("_", " ")
