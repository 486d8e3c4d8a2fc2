"""A loop is a text that says the same over and over: this module finds loops, so that each counts once.

A loop is a block that follows itself: in `ABCABCAB` all but the first `ABC` repeats. What is compared is the *folded*
text: numbers and bullets before the sentences, closing punctuation, case and the like are taken out. A passage that
comes back after something else was said in between counts as repeated only if it is long, since in an honest thought
the same short remark (`too big`) stands after different attempts. Time grows with the length of the text.

Folding takes out the number or bullet that a line or sentence begins with (`12.`, `12)`, `(12)`, `Step 12:`, `-`, `*`,
`#`), the `.`, `!`, `?` or `...` that it ends with, case, bold type, kinds of quotation marks and dashes, and runs of
white space. Numbers inside a sentence stay: they are what it says. So does `31.` after a question or a number, within a
line: there it may be an answer. A few fast passes over the whole text do it, not one sentence at a time; marks are put
at the places that are to be found again, and where the marks are afterwards is where the places are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

from secondthought.types import Span

WINDOW = 12_000
"""How many characters back a block may have begun."""
LONG = 240
"""Characters in a row that count as repeated even if something else stood in between."""
_SLACK = 1
"""The last round of a loop lacks the space that the others end with."""
_EARLIER = 4
_PREFIX = 40
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


def once(text: str, spans: Sequence[Span]) -> list[Span]:
    """Return the spans, in order of `start`, that do not lie in a repetition of what stood before.

    >>> loop = "Wait, no. " * 3
    >>> found = [Span(behavior="b", start=10 * i, end=10 * i + 9, text="Wait, no.") for i in range(3)]
    >>> [span.start for span in once(loop, found)]
    [0]
    """
    sentences = {span.start: span.text for span in spans}
    if len(sentences) < 2:
        return list(spans)
    keys = [folded_sentence(text) for text in sentences.values()]
    if len(set(keys)) == len(keys) and max(map(len, keys)) <= LONG:
        return list(spans)
    again = dict(zip(sentences, _repeated(*fold(text, list(sentences)), keys), strict=True))
    return [span for span in spans if not again[span.start]]


def stretch(text: str, place: int, lag: int) -> tuple[int, int]:
    """Return start and end of the longest stretch around `place` that equals what stands `lag` characters before it.

    >>> stretch("xabcabcaby", 5, 3)
    (4, 9)
    """
    back = _agreement(text, place - lag, place, -1)
    ahead = _agreement(text, place - lag, place, 1)
    return place - back, place + ahead


def _repeated(text: str, places: Sequence[int], keys: Sequence[str]) -> Iterator[bool]:
    """Yield, for each place of the folded text, True if the sentence there, which says its key, only repeats."""
    seen: dict[str, list[int]] = {}
    ends: dict[int, int] = {}
    covered = 0
    for place, key in zip(places, keys, strict=True):
        earlier = seen.setdefault(key, [])
        if place >= covered:
            covered = max(covered, _covered(text, place, len(key), earlier, ends))
        # What goes on behind the repetition says something new, unless it was said before or is cut off.
        whole = place + len(key) <= covered or bool(earlier) or covered >= len(text) - _SLACK
        yield place < covered and whole
        earlier.append(place)


def _covered(text: str, place: int, length: int, earlier: Sequence[int], ends: dict[int, int]) -> int:
    """Return where the repetition that begins at a place ends, or 0; `ends` remembers what was tried, by lag."""
    for lag in _lags(text, place, length, earlier):
        if lag > WINDOW or ends.get(lag, 0) > place:
            continue
        wanted = min(lag, LONG) - _SLACK
        if not _promises(text, place - lag, place, (wanted + 1) // 2):
            continue
        first, last = stretch(text, place, lag)
        ends[lag] = last
        if last - first >= wanted:
            return last
    return 0


def _promises(text: str, left: int, right: int, half: int) -> bool:
    """Return False where no stretch of `2 * half` can agree: half of it would lie on one side, and neither agrees."""
    if text[left : left + half] == text[right : right + half]:
        return True
    return text[max(0, left - half) : left] == text[right - half : right]


def _lags(text: str, start: int, length: int, earlier: Sequence[int]) -> Iterator[int]:
    """Yield how far back the block that is repeated at `start` may begin."""
    if earlier:
        yield from (start - place for place in reversed(earlier[-_EARLIER:]) if place < start)
    elif length > LONG:
        place = text.rfind(text[start : start + _PREFIX], max(0, start - WINDOW), start + _PREFIX - 1)
        if place >= 0:
            yield start - place


def _agreement(text: str, left: int, right: int, step: int) -> int:
    """Count the characters that are the same from `left` and `right` on (back from them, if `step` is -1)."""
    room = len(text) - right if step > 0 else left
    length, size = 0, 16
    while size:
        size = min(size, room - length)
        a, b = (left + length, right + length) if step > 0 else (left - length - size, right - length - size)
        if size and text[a : a + size] == text[b : b + size]:
            length += size
            size *= 2
        else:
            size //= 2
    return length


def fold(text: str, places: Sequence[int]) -> tuple[str, list[int]]:
    r"""Return the folded text, and where each of the places (in order) is in it, behind what was taken off.

    >>> fold("1. Wait, no!\n2. WAIT, no.", [0, 13])
    ('wait, no wait, no', [0, 9])
    """
    behind = accumulate((_LEAD.match(text, place).end() for place in places), max)  # type: ignore[union-attr]
    text = text.replace(_MARK, " ")
    bounds = [0, *behind, len(text)]
    marked = _MARK.join(text[start:end] for start, end in pairwise(bounds))
    parts = " ".join(_JOINT.sub("\n", "\n" + _low(marked)).split()).split(_MARK)
    return "".join(parts), list(accumulate(map(len, parts[:-1])))


def folded_sentence(sentence: str) -> str:
    r"""Fold one sentence: sentences that differ only in what folding takes out become equal.

    >>> folded_sentence("Step 12:  It\u2019s 3!") == folded_sentence("it's 3...")
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
