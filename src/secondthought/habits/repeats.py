"""Loops: a text that says the same over and over says it once.

A loop is a block that follows itself: in `ABCABCAB` all but the first `ABC` repeats. What is compared is the text as
`folding` gives it, so that numbers before the sentences, case and the like make no difference. A passage that comes
back after something else was said in between counts as repeated only if it is long, since in an honest thought the
same short remark (`too big`) stands after different attempts. Time grows with the length of the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from secondthought.habits.folding import fold, said
from secondthought.types import Span

WINDOW = 12_000
"""How many characters back a block may have begun."""
LONG = 240
"""Characters in a row that count as repeated even if something else stood in between."""
_SLACK = 1
"""The last round of a loop lacks the space that the others end with."""
_EARLIER = 4
_PREFIX = 40


def once(text: str, spans: Sequence[Span]) -> list[Span]:
    """The spans, in order of `start`, that do not lie in a repetition of what stood before.

    >>> loop = "Wait, no. " * 3
    >>> found = [Span(behavior="b", start=10 * i, end=10 * i + 9, text="Wait, no.") for i in range(3)]
    >>> [span.start for span in once(loop, found)]
    [0]
    """
    sentences = {span.start: span.text for span in spans}
    if len(sentences) < 2:
        return list(spans)
    keys = [said(text) for text in sentences.values()]
    if len(set(keys)) == len(keys) and max(map(len, keys)) <= LONG:
        return list(spans)
    again = dict(zip(sentences, _repeated(*fold(text, list(sentences)), keys), strict=True))
    return [span for span in spans if not again[span.start]]


def stretch(text: str, place: int, lag: int) -> tuple[int, int]:
    """Start and end of the longest stretch around `place` that equals what stands `lag` characters before it.

    >>> stretch("xabcabcaby", 5, 3)
    (4, 9)
    """
    back = _agreement(text, place - lag, place, -1)
    ahead = _agreement(text, place - lag, place, 1)
    return place - back, place + ahead


def _repeated(text: str, places: Sequence[int], keys: Sequence[str]) -> Iterator[bool]:
    """For each place of the folded text, whether the sentence there, which says `keys`, only repeats."""
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
    """Where the repetition that begins at a place ends; 0 if none does. `ends` holds what was tried, by lag."""
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
    """Half of the agreement wanted lies on one side: where neither side has it, nothing need be measured."""
    if text[left : left + half] == text[right : right + half]:
        return True
    return text[max(0, left - half) : left] == text[right - half : right]


def _lags(text: str, start: int, length: int, earlier: Sequence[int]) -> Iterator[int]:
    """How far back the block that is repeated at `start` may begin."""
    if earlier:
        yield from (start - place for place in reversed(earlier[-_EARLIER:]) if place < start)
    elif length > LONG:
        place = text.rfind(text[start : start + _PREFIX], max(0, start - WINDOW), start + _PREFIX - 1)
        if place >= 0:
            yield start - place


def _agreement(text: str, left: int, right: int, step: int) -> int:
    """How many characters from `left` and `right` on (from just before them, if `step` is -1) are the same."""
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
