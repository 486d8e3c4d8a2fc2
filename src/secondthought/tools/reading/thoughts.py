"""A thought that stands before an answer calls nothing, whatever it says."""

from __future__ import annotations

import re
from collections.abc import Callable

_OPENS, _CLOSES = "<think>", "</think>"
_LEADING = re.compile(r"(?:\s*+<think>.*?(?:</think>|\Z))++", re.DOTALL)


def without_thought(text: str, begins_call: Callable[[str], bool]) -> str:
    """Return what follows the thoughts that a text begins with; nothing where one does not end.

    A prompt may have opened the thought, so one may end that the text did not begin. In a text that begins with a call,
    the mark is part of an argument.

    >>> texts = "<think>g?</think>f", "g?</think>f", "f</think>"
    >>> [without_thought(text, lambda text: text.startswith("f")) for text in texts]
    ['f', 'f', 'f</think>']
    """
    if leading := _LEADING.match(text):
        return text[leading.end() :]
    if begins_call(text):
        return text
    _, closes, rest = text.partition(_CLOSES)
    if closes:
        leading = _LEADING.match(rest)
        return rest[leading.end() :] if leading else rest
    return text.partition(_OPENS)[0]
