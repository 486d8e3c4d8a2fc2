"""Calls in JSON: an object with a name and arguments, one or a list of them, in a fence or bare."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from secondthought.tools.calls import Call, CallReading
from secondthought.tools.reading.broken import MAX_CALLS, BrokenCallError

BROKEN = "the JSON is broken"
NO_CALL = "a call needs a name and arguments that are an object"
FENCE = "```"
_DECODER = json.JSONDecoder()
_BEFORE_VALUE = re.compile(r"[\s;,]*")
_BEGINS_CALL = re.compile(r"(?:\[\s*)?\{\s*\"(?:name|function|type|arguments|parameters)\"\s*:")
"""The beginning of a call or a list of calls; other brackets in a text are no calls."""
_LANGUAGE = re.compile(r"\A[a-zA-Z_]*\s*")
_ARGUMENTS = ("arguments", "parameters", "args")


def calls_in(body: str) -> tuple[Call, ...]:
    """Read a body that holds calls and nothing else.

    Raises:
        BrokenCallError: it holds something else.
    """
    calls: list[Call] = []
    place = _skip(body, 0)
    while place < len(body) and len(calls) <= MAX_CALLS:
        more, place = _calls_at(body, place)
        calls += more
    if not calls:
        raise BrokenCallError(NO_CALL)
    return limited(calls)


def fenced_or_bare(text: str) -> CallReading | None:
    """Read calls in fences, else the first bare value that is a call; None where there is neither."""
    if FENCE in text:
        blocks = [_LANGUAGE.sub("", block, count=1) for block in text.split(FENCE, 2 * MAX_CALLS)[1::2]]
        bodies = [block for block in blocks if _BEGINS_CALL.match(block)]
        if bodies:
            return CallReading(tuple(call for body in bodies for call in calls_in(body)))
    return _bare(text)


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


def value_of(text: str) -> Any:
    """Return the JSON value that a text is.

    Raises:
        BrokenCallError: it is none, or is nested too deeply.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise BrokenCallError(BROKEN) from None


def value_at(text: str, place: int) -> tuple[Any, int]:
    """Return the JSON value that begins at a place, and where it ends.

    Raises:
        BrokenCallError: none begins there.
    """
    try:
        value, end = _DECODER.raw_decode(text, place)
    except (ValueError, RecursionError):
        raise BrokenCallError(BROKEN) from None
    return value, end


def _skip(body: str, place: int) -> int:
    found = _BEFORE_VALUE.match(body, place)
    return found.end() if found else place


def _bare(text: str) -> CallReading | None:
    """Read the first value in a text that begins as a call does, and the calls that follow it at once."""
    begins = _BEGINS_CALL.search(text)
    if begins is None:
        return None
    calls, place = _calls_at(text, begins.start())
    while place < len(text) and _BEGINS_CALL.match(text, place) and len(calls) <= MAX_CALLS:
        more, place = _calls_at(text, place)
        calls += more
    return CallReading(limited(calls))


def _calls_at(text: str, start: int) -> tuple[list[Call], int]:
    """Return the calls of the value at a place, and where the next one may begin."""
    value, place = value_at(text, start)
    calls = [call_of(item) for item in (value if isinstance(value, list) else [value])]
    return calls, _skip(text, place)


def limited(calls: Sequence[Call]) -> tuple[Call, ...]:
    """Return the calls, unless there are too many."""
    if len(calls) > MAX_CALLS:
        raise BrokenCallError(f"more than {MAX_CALLS} calls")
    return tuple(calls)
