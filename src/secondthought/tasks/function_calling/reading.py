"""Calls are read from a completion in JSON: in tags, in a fence, or bare (until `tools.reading` reads all)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from secondthought.tools.calls import Call, CallReading

_OPEN, _CLOSE, _FENCE, _THOUGHT = "<tool_call>", "</tool_call>", "```", "</think>"
_MAX_CHARS, _MAX_CALLS = 100_000, 64
_DECODER = json.JSONDecoder()


def read_calls(text: str) -> CallReading:
    """Read the calls of a completion; what a thought says before its end is no call."""
    text = text[:_MAX_CHARS].rpartition(_THOUGHT)[2]
    if _OPEN in text:
        parts = text.split(_OPEN, _MAX_CALLS + 1)[1 : _MAX_CALLS + 1]
        return _read(part.partition(_CLOSE)[0] for part in parts)
    if _FENCE in text:
        blocks = text.split(_FENCE, 2 * _MAX_CALLS)[1::2]
        bodies = [block.removeprefix("json").strip() for block in blocks]
        return _read(body for body in bodies if body.startswith(("{", "[")))
    return _bare(text)


def _read(bodies: Iterator[str]) -> CallReading:
    calls: list[Call] = []
    for body in bodies:
        try:
            values = list(_values(body.strip()))
        except (ValueError, RecursionError):
            return CallReading((), "the JSON is broken")
        found = [_call(item) for item in values]
        if not found or None in found:
            return CallReading((), "a call needs a name and arguments")
        calls += [call for call in found if call]
    return CallReading(tuple(calls))


def _values(body: str) -> Iterator[Any]:
    """Yield the JSON values that stand one after the other, those of a list one by one."""
    place = 0
    while place < len(body):
        value, place = _DECODER.raw_decode(body, place)
        yield from value if isinstance(value, list) else [value]
        while place < len(body) and body[place] in " \t\r\n;,":
            place += 1


def _bare(text: str) -> CallReading:
    """Read the first JSON value that is a call or a list of calls."""
    start = min((place for place in (text.find("{"), text.find("[")) if place >= 0), default=-1)
    if start < 0:
        return CallReading(())
    try:
        value, _ = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return CallReading((), "the JSON is broken") if '"name"' in text else CallReading(())
    found = [_call(item) for item in (value if isinstance(value, list) else [value])]
    if found and None not in found:
        return CallReading(tuple(call for call in found if call))
    return CallReading((), "a call needs a name and arguments") if '"name"' in text else CallReading(())


def _call(item: Any) -> Call | None:
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
        return None
    arguments = item.get("arguments", item.get("parameters", {}))
    return Call(item["name"], arguments) if isinstance(arguments, dict) else None
