"""Sentences are cut here: the one around a place in a text, and the plain form that patterns are written for.

A line ends a sentence unless the next begins with a lower-case letter (wrapped text). A number that begins a line
(`1.`, `Step 2.`) belongs to what follows it. Sentences longer than `REACH` on either side are cut at white space, so
that looking at one costs the same in any text.
"""

from __future__ import annotations

import re

REACH = 320
"""Characters to look to either side of a place for the end of its sentence."""

_NUMBER = re.compile(r"[ \t#*>_-]*(?:[Ss][Tt][Ee][Pp] )?\d{1,3}[.)](?=\s)")
_END = re.compile(  # begins with a plain set of characters, which `re` looks for many times faster than for a choice
    r"[.?!\u2026\n](?:(?<!\n)[.?!\u2026]*[\"')\]*_\u201d\u2019]*(?=\s|[A-Z][a-z]|$)"
    r"|(?<=\n)(?:(?=[ \t]*(?:[^a-z \t]|$))|\s*\n))"
)
_NEAR = 90
_EDGES = " \t\r\n\f\v*#>-_\u2022"


def around(text: str, start: int, end: int, floor: int = 0) -> tuple[int, int]:
    """Return start and end of the sentence that holds `text[start:end]`, not before `floor`.

    >>> text = "It is 3. Wait, no. Then 4."
    >>> text[slice(*around(text, 9, 13))]
    'Wait, no.'
    """
    first = _begin(text, start, floor)
    numbering = _NUMBER.match(text, first)
    bare = start + len(text[start:end].rstrip())  # "5. " may end its sentence: what follows is another one
    last = _finish(text, bare if numbering is None or numbering.end() < bare else max(end, numbering.end()))
    while first < start and text[first] in _EDGES:
        first += 1
    while last > end and text[last - 1] in _EDGES:
        last -= 1
    return first, last


def plain(sentence: str) -> str:
    """Return the sentence in lower case, with straight apostrophes, without emphasis marks, with single spaces.

    >>> plain("**Let\u2019s**  check")
    "let's check"
    """
    low = sentence.lower().replace("\u2019", "'").replace("**", "").replace("\u2018", "'")
    return " ".join(low.split())


def _begin(text: str, start: int, floor: int) -> int:
    for reach in (_NEAR, REACH):
        low = first = max(floor, start - reach)
        for match in _END.finditer(text, low, start):
            if not _numbers(text, match.start()):
                first = match.end()
        if first > low or low == floor:
            return first
    space = text.find(" ", low, start)
    return space + 1 if space >= 0 else low


def _finish(text: str, end: int) -> int:
    high = min(len(text), end + REACH)
    match = _END.search(text, max(end - 1, 0), min(len(text), high + 2))
    while match is not None and match.end() < end:
        match = _END.search(text, match.end(), min(len(text), high + 2))
    if match is not None:
        return match.end()
    if high == len(text):
        return high
    space = text.rfind(" ", end, high)
    return space if space > end else high


def _numbers(text: str, stop: int) -> bool:
    """Return True if the full stop at `stop` belongs to the number of a list item or step."""
    if text[stop] != "." or not text[stop - 1 : stop].isdigit():
        return False
    line = text.rfind("\n", max(0, stop - 20), stop) + 1
    return _NUMBER.match(text, line, stop + 2) is not None
