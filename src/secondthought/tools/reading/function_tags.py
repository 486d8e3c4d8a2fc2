"""Calls in `<function=name>` tags: with each argument in a tag of its own (Qwen 3.5), or with JSON in it (Llama 3.1).

An argument in a tag is a text that only its own mark ends. JSON is read value by value, so a tag in it is text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from secondthought.tools.calls import Call
from secondthought.tools.reading.argument_types import schemas_of, typed
from secondthought.tools.reading.broken import MAX_CALLS, BrokenCallError, unique
from secondthought.tools.reading.json_calls import call_of
from secondthought.tools.reading.json_values import value_at

OPENS = "<function="
_PARAMETER, _PARAMETER_ENDS = "<parameter=", "</parameter>"
_END, _BLANK = re.compile(r"</function>\s*"), re.compile(r"\s*")
_BROKEN = "a function's tag is broken"


def calls_at(text: str, place: int, tools: Sequence[Mapping[str, Any]]) -> tuple[list[Call], int]:
    """Return the calls that follow each other from a place on, and where they end.

    Raises:
        BrokenCallError: a tag is not closed, something else stands between tags, or an argument is given twice.
    """
    calls: list[Call] = []
    while text.startswith(OPENS, place) and len(calls) <= MAX_CALLS:
        call, place = _call_at(text, place, tools)
        calls.append(call)
    return calls, place


def _call_at(text: str, place: int, tools: Sequence[Mapping[str, Any]]) -> tuple[Call, int]:
    name, place = _tag(text, place + len(OPENS), _BROKEN)
    if text.startswith("{", start := skip_blanks(text, place)):
        given, place = value_at(text, start)
        return call_of({"name": name, "arguments": given}), _behind(text, skip_blanks(text, place))
    schemas = schemas_of(tools, name)
    arguments: list[tuple[str, Any]] = []
    while text.startswith(_PARAMETER, place := skip_blanks(text, place)):
        key, start = _tag(text, place + len(_PARAMETER), "a parameter's tag is broken")
        ends = text.find(_PARAMETER_ENDS, start)
        if ends < 0 or len(arguments) > MAX_CALLS:
            raise BrokenCallError("a parameter's tag is broken")
        value = text[start:ends].removeprefix("\n").removesuffix("\n")
        arguments.append((key, typed(value, schemas.get(key))))
        place = ends + len(_PARAMETER_ENDS)
    return Call(name, unique(arguments)), _behind(text, place)


def _behind(text: str, place: int) -> int:
    """Return where the tag that closes a function ends, and the blanks after it."""
    end = _END.match(text, place)
    if end is None:
        raise BrokenCallError(_BROKEN)
    return end.end()


def _tag(text: str, place: int, broken: str) -> tuple[str, int]:
    """Return the name that a tag holds, and where the tag ends."""
    end = text.find(">", place)
    name = text[place:end].strip() if end >= 0 else ""
    if not name or "<" in name:
        raise BrokenCallError(broken)
    return name, end + 1


def skip_blanks(text: str, place: int) -> int:
    """Return the place behind the blanks that stand at a place."""
    found = _BLANK.match(text, place)
    return found.end() if found else place
