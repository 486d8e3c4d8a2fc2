r"""The place of a completion's answer: `<answer>` tags and `\boxed{}`, found in linear time without backtracking.

The last closed `<answer>...</answer>` wins. A `\boxed{...}` inside it is the answer; one without tags counts only where
the task asked for it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

OPEN = "<answer>"
CLOSE = "</answer>"
BOX = "\\boxed{"

MAX_BOX = 2000
"""A box whose brace closes later than this is skipped: it bounds the work per box."""
MAX_BOXES = 16
"""Only the last so many boxes are looked at: it bounds the work per text."""

_BRACES = re.compile(r"[{}]")


class MarkedAnswer(NamedTuple):
    r"""A `MarkedAnswer` stands in the answer's place; `boxed` if it came out of `\boxed{}`, where LaTeX is expected."""

    text: str
    boxed: bool


def answer(text: str, *, bare_box: bool = False) -> MarkedAnswer | None:
    r"""Return the answer of a completion, or None.

    Args:
        text: the completion.
        bare_box: without a closed tag, take the last balanced `\boxed{}`.

    >>> answer("<answer> 1 </answer> no: <answer> 2 </answer> <answer> 3")
    MarkedAnswer(text=' 2 ', boxed=False)
    >>> answer(r"so \boxed{\frac{1}{2}}", bare_box=True)
    MarkedAnswer(text='\\frac{1}{2}', boxed=True)
    """
    body = tagged(text)
    if body is None:
        inner = boxed(text) if bare_box else None
        return None if inner is None else MarkedAnswer(inner, True)
    inner = boxed(body) if BOX in body else None
    return MarkedAnswer(body, False) if inner is None else MarkedAnswer(inner, True)


def tagged(text: str) -> str | None:
    """Return the inside of the last closed pair of tags, or None."""
    last = text.rfind(CLOSE)
    if last < 0:
        return None
    start = text.rfind(OPEN, 0, last)
    if start < 0:
        return None
    start += len(OPEN)
    return text[start : text.find(CLOSE, start)]


def boxed(text: str) -> str | None:
    r"""Return the inside of the last `\boxed{}` with balanced braces, or None."""
    end = len(text)
    for _ in range(MAX_BOXES):
        end = text.rfind(BOX, 0, end)
        if end < 0:
            return None
        start = end + len(BOX)
        stop = _closing_brace(text, start)
        if stop is not None:
            return text[start:stop]
    return None


def _closing_brace(text: str, start: int) -> int | None:
    depth = 1
    for match in _BRACES.finditer(text, start, start + MAX_BOX):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return match.start()
    return None
