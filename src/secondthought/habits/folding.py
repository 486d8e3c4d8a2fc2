r"""A text as loops are looked for in it: without what a sentence may change each time that it is said again.

Taken out are the number or bullet that a line or sentence begins with (`12.`, `12)`, `(12)`, `Step 12:`, `-`, `*`,
`#`), the `.`, `!`, `?` or `...` that it ends with, case, bold type, kinds of quotation marks and dashes, and runs of
white space. Numbers inside a sentence stay: they are what it says. So does `31.` after a question or a number, within a
line: there it may be an answer.

It is made by a few fast passes over the whole text, and not sentence by sentence. So that places can be found again,
marks are put there before; where the marks are afterwards is where the places are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate, pairwise

_MARK = "\0"
_BULLETS = r"(?:[-*#>+\u2022]+[ \t]+){0,3}"
_NAMED = r"(?:step|attempt|try|round|iteration)[ \t]+\#?\d{1,6}[.):]+|\(?\d{1,6}\)[.:]?"
_AFTER = r"[*_]{0,3}(?=\s)[ \t]*"
_LEAD = re.compile(rf"[ \t]*{_BULLETS}[*_]{{0,3}}(?:(?:{_NAMED}|\d{{1,6}}\.){_AFTER})?", re.IGNORECASE)
_BARE = re.compile(r"[^\W\d_](?<![sStTaArRiI])")
"""First characters with which nothing that `_LEAD` takes off begins, as most sentences do."""
_JOINT = re.compile(  # begins with a plain set of characters, which `re` looks for many times faster than for a choice
    rf"""[.?!\u2026\n](?:
    (?<=\n)\s*{_BULLETS}[*_]{{0,3}}(?:(?:{_NAMED}|\d{{1,6}}\.){_AFTER})?
    |(?<=[a-z)"'][.!])[ \t]+\d{{1,6}}\.{_AFTER}
    |(?<!\n)[.?!\u2026"')]{{0,12}}(?=[\s{_MARK}]|$)(?:[ \t]+(?:{_NAMED}){_AFTER})?
    )""",
    re.VERBOSE,
)
_KINDS = (
    ("\u2019", "'"),
    ("\u2018", "'"),
    ("\u201c", '"'),
    ("\u201d", '"'),
    ("\u2013", "-"),
    ("\u2014", "-"),
    ("\u2212", "-"),
)


def fold(text: str, places: Sequence[int]) -> tuple[str, list[int]]:
    r"""The folded text, and where each of the places (in order) is in it, behind what was taken off.

    >>> fold("1. Wait, no!\n2. WAIT, no.", [0, 13])
    ('wait, no wait, no', [0, 9])
    """
    behind = accumulate((_LEAD.match(text, place).end() for place in places), max)  # type: ignore[union-attr]
    text = text.replace(_MARK, " ")
    bounds = [0, *behind, len(text)]
    marked = _MARK.join(text[start:end] for start, end in pairwise(bounds))
    parts = " ".join(_JOINT.sub("\n", "\n" + _low(marked)).split()).split(_MARK)
    return "".join(parts), list(accumulate(map(len, parts[:-1])))


def said(sentence: str) -> str:
    r"""What a sentence alone says: equal for two that differ in nothing that is taken out.

    >>> said("Step 12:  It\u2019s 3!") == said("it's 3...")
    True
    """
    if not _BARE.match(sentence):
        sentence = sentence[_LEAD.match(sentence).end() :]  # type: ignore[union-attr]
    return " ".join(_low(sentence).split()).rstrip(".?!\u2026\"')*_ ")


def _low(text: str) -> str:
    low = text.lower().replace("**", "")
    if not low.isascii():
        for kind, plain in _KINDS:
            low = low.replace(kind, plain)
    return low
