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
_MAX_VALUES, _MAX_CHARS = 1000, 10_000


def call_at(text: str, place: int) -> tuple[Call, int]:
    """Return the call that follows a mark, and where it ends.

    Raises:
        BrokenCallError: none follows, or it is too long.
    """
    body = text[place : place + _MAX_CHARS]
    found = _CALL.match(body)
    if found is None:
        raise BrokenCallError("the call is broken")
    arguments, end = _nested(body, found.end() - 1, 0)
    return Call(found[1], arguments), place + end


def _value(body: str, place: int, depth: int) -> tuple[Any, int]:
    """Return the value at a place: an escaped text, a list or object of values, or a JSON value."""
    if body.startswith(_ESCAPE, place):
        start = place + len(_ESCAPE)
        end = body.find(_ESCAPE, start)
        if end < 0:
            raise BrokenCallError("a text is not closed")
        return body[start:end], end + len(_ESCAPE)
    if body[place : place + 1] in ("[", "{"):
        return _nested(body, place, depth)
    return value_at(body, place)


def _nested(body: str, place: int, depth: int) -> tuple[Any, int]:
    """Return the list or object that begins at a place; names of members are bare."""
    if depth > MAX_DEPTH:
        raise BrokenCallError(TOO_DEEP)
    is_object = body[place] == "{"
    closes = "}" if is_object else "]"
    found: list[tuple[str, Any]] = []
    place += 1
    while not body.startswith(closes, place):
        key = (_KEY if is_object else _COMMA).match(body, place)
        if key is None or len(found) > _MAX_VALUES:
            raise BrokenCallError("the call's arguments are broken")
        value, place = _value(body, key.end(), depth + 1)
        found.append((key[1], value))
    return (unique(found) if is_object else [value for _, value in found]), place + 1
