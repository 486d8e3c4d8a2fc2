"""Calls of FunctionGemma: `call:name{key:value}`, where texts stand between two `<escape>` and names are bare."""

from __future__ import annotations

import re
from typing import Any

from secondthought.tools.calls import Call
from secondthought.tools.reading.broken import MAX_DEPTH, TOO_DEEP, BrokenCallError, unique
from secondthought.tools.reading.json_values import value_at

_ESCAPE = "<escape>"
_CALL = re.compile(r"\s*call:([\w.\-]+)\s*\{")
_KEY = re.compile(r"\s*+,?\s*+[\"']?([\w.\-]++)[\"']?\s*+:\s*+")
_COMMA = re.compile(r"(\s*+,?\s*+)")
_MAX_VALUES, _MAX_CHARS = 1000, 20_000
"""Values of one list, and characters of a text with such calls: they are read by Python, a value at a time."""


def call_at(text: str, place: int) -> tuple[Call, int]:
    """Return the call that follows a mark, and where it ends.

    Raises:
        BrokenCallError: none follows, or the text is too long.
    """
    found = _CALL.match(text, place) if len(text) <= _MAX_CHARS else None
    if found is None:
        raise BrokenCallError("the call is broken")
    arguments, end = _nested(text, found.end() - 1, 0)
    return Call(found[1], arguments), end


def _value(text: str, place: int, depth: int) -> tuple[Any, int]:
    """Return the value at a place: an escaped text, a list or object of values, or a JSON value."""
    if text.startswith(_ESCAPE, place):
        start = place + len(_ESCAPE)
        end = text.find(_ESCAPE, start)
        if end < 0:
            raise BrokenCallError("a text is not closed")
        return text[start:end], end + len(_ESCAPE)
    if text[place : place + 1] in ("[", "{"):
        return _nested(text, place, depth)
    return value_at(text, place)


def _nested(text: str, place: int, depth: int) -> tuple[Any, int]:
    """Return the list or object that begins at a place; names of members are bare."""
    if depth > MAX_DEPTH:
        raise BrokenCallError(TOO_DEEP)
    is_object = text[place] == "{"
    closes = "}" if is_object else "]"
    found: list[tuple[str, Any]] = []
    place += 1
    while not text.startswith(closes, place):
        key = (_KEY if is_object else _COMMA).match(text, place)
        if key is None or len(found) > _MAX_VALUES:
            raise BrokenCallError("the call's arguments are broken")
        value, place = _value(text, key.end(), depth + 1)
        found.append((key[1], value))
    return (unique(found) if is_object else [value for _, value in found]), place + 1
