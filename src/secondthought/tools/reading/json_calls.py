"""Calls in JSON: an object with a name and arguments, one or a list of them, in a fence or bare.

Bare JSON is a call where it begins a line, also behind the mark of a list, or where it follows a colon or a tag: small
models answer so. In the middle of a sentence it is talk of a call ("you could call {...} but ..."), and calls nothing.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from secondthought.tools.calls import Call, CallReading
from secondthought.tools.reading.broken import MAX_CALLS, BrokenCallError
from secondthought.tools.reading.json_values import value_at, value_of

NO_CALL = "a call needs a name and arguments that are an object"
FENCE = "```"
_BEFORE_VALUE = re.compile(r"[\s;,]*")
_BEGINS_CALL = re.compile(r"(?:\[\s*)?\{\s*\"(?:name|function|type|arguments|parameters)\"\s*:")
"""The beginning of a call or a list of calls; other brackets in a text are no calls."""
_INTRODUCES = re.compile(r"(?:\A|[\n:\uff1a>]|```[a-zA-Z_]*)[ \t]*(?:[-*+]|\d{1,3}[.)])?[ \t*`]*\Z")
"""Beginning of a line, colon or tag before a bare call, with marks of lists and of emphasis."""
_INTRODUCTION = 24
"""Characters before a bare call that are looked at; more blanks than these begin a line."""
_MAX_TRIED, _MAX_MENTIONS = 8, 500
_LANGUAGE = re.compile(r"[a-zA-Z_]*\s*")
_ARGUMENTS = ("arguments", "parameters", "args")


def calls_at(text: str, start: int, ends: tuple[str, ...] = ()) -> tuple[list[Call], int]:
    """Return the calls that stand from a place on, up to the first of some marks or the end, and where they end.

    Raises:
        BrokenCallError: something else stands there, or nothing.
    """
    calls: list[Call] = []
    place = _skip(text, start)
    while place < len(text) and not text.startswith(ends, place) and len(calls) <= MAX_CALLS:
        more, place = _calls_of_value(text, place)
        calls += more
    if not calls:
        raise BrokenCallError(NO_CALL)
    return limited(calls), place


def is_inside(text: str, place: int) -> bool:
    """Tell whether a place is inside of bare or fenced JSON that begins as a call does."""
    end = 0
    for found in itertools.islice(_BEGINS_CALL.finditer(text, 0, place), _MAX_TRIED):
        if found.start() >= end and _is_introduced(text, found.start()):
            with suppress(BrokenCallError):
                _, end = value_at(text, found.start())
    return end > place


def fenced_or_bare(text: str) -> CallReading | None:
    """Read calls in fences, else the first bare value that is a call; None where there is neither."""
    calls = _fenced(text) if FENCE in text else []
    return CallReading(tuple(calls)) if calls else _bare(text)


def begins_call(text: str) -> bool:
    """Tell whether a text begins as a call, or a list of calls, does."""
    return _BEGINS_CALL.match(text) is not None


def call_of(item: Any) -> Call:
    """Return the call that a JSON value states; it may be wrapped as chat endpoints wrap it.

    Raises:
        BrokenCallError: the value is no call.
    """
    inner = item.get("function", item) if isinstance(item, Mapping) else item
    if isinstance(item, Mapping) and isinstance(inner, str):
        inner = {**item, "name": inner}
    if not isinstance(inner, Mapping) or not isinstance(inner.get("name"), str) or not inner["name"]:
        raise BrokenCallError(NO_CALL)
    arguments: Any = next((inner[key] for key in _ARGUMENTS if key in inner), {})
    if isinstance(arguments, str):
        arguments = value_of(arguments)
    if not isinstance(arguments, dict):
        raise BrokenCallError(NO_CALL)
    return Call(inner["name"], arguments)


def limited(calls: Sequence[Call]) -> list[Call]:
    """Return the calls, unless there are too many."""
    if len(calls) > MAX_CALLS:
        raise BrokenCallError(f"more than {MAX_CALLS} calls")
    return list(calls)


def _fenced(text: str) -> list[Call]:
    """Return the calls of all fences that begin as calls do; a fence in the text of an argument ends none."""
    calls: list[Call] = []
    opens = text.find(FENCE)
    for _ in range(MAX_CALLS):
        if opens < 0:
            break
        place = _after(_LANGUAGE, text, opens + len(FENCE))
        if _BEGINS_CALL.match(text, place):
            more, place = calls_at(text, place, (FENCE,))
            calls += more
        closes = text.find(FENCE, place)
        opens = text.find(FENCE, closes + len(FENCE)) if closes >= 0 else -1
    return limited(calls)


def _bare(text: str) -> CallReading | None:
    """Read the first value in a text that begins and is introduced as a call, and the calls that follow it at once."""
    mentions = (found.start() for found in itertools.islice(_BEGINS_CALL.finditer(text), _MAX_MENTIONS))
    place = next((start for start in mentions if _is_introduced(text, start)), None)
    if place is None:
        return None
    calls, place = _calls_of_value(text, place)
    while place < len(text) and _BEGINS_CALL.match(text, place) and len(calls) <= MAX_CALLS:
        more, place = _calls_of_value(text, place)
        calls += more
    return CallReading(tuple(limited(calls)))


def _is_introduced(text: str, place: int) -> bool:
    return _INTRODUCES.search(text[max(0, place - _INTRODUCTION) : place]) is not None


def _calls_of_value(text: str, start: int) -> tuple[list[Call], int]:
    """Return the calls of the value at a place, and where the next one may begin."""
    value, place = value_at(text, start)
    calls = [call_of(item) for item in (value if isinstance(value, list) else [value])]
    return calls, _skip(text, place)


def _skip(text: str, place: int) -> int:
    return _after(_BEFORE_VALUE, text, place)


def _after(pattern: re.Pattern[str], text: str, place: int) -> int:
    found = pattern.match(text, place)
    return found.end() if found else place
