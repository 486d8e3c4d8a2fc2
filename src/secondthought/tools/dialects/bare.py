"""Calls without a mark: the whole answer, or a fenced block of it, is JSON or Python syntax of calls and nothing else.

JSON or a call that stands inside of prose is an example and no call. Whether an answer means to call is told by how it
begins: one that begins as a call and cannot be read is malformed, never an answer without calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from secondthought.tools.call_objects import as_text, calls_of, looks_like_calls
from secondthought.tools.calls import Call
from secondthought.tools.dialects import python_calls
from secondthought.tools.json_values import Unreadable, values_at
from secondthought.tools.schemas import Tool

_FENCE = re.compile(r"^[ \t]*```[ \t]*(\w*)[ \t]*\r?\n(.*?)(?:^[ \t]*```[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_LANGUAGES = frozenset({"", "json", "python", "py", "tool_code", "tool_call", "tool_calls"})
_JSON_BEGUN = re.compile(r'\[?\s*+\{\s*+"(?:name|function|arguments|parameters)"\s*+:')
_BLANKS = " \t\r\n"


def write(calls: Sequence[Call]) -> str:
    """Return the calls as a JSON list."""
    return as_text([{"name": call.name, "arguments": dict(call.arguments)} for call in calls])


def read(text: str, tools: Sequence[Tool]) -> Iterator[Call]:
    """Yield the calls of an answer that is calls alone, else those of its fenced blocks.

    Raises:
        Unreadable: the answer or a block begins as a call and cannot be read.
    """
    blocks = [found[2] for found in _FENCE.finditer(text) if found[1].lower() in _LANGUAGES]
    for block in blocks or [text]:
        yield from read_alone(block.strip(_BLANKS), tools)


def read_alone(text: str, tools: Sequence[Tool]) -> Iterator[Call]:
    """Yield the calls of a text that is calls alone; none where it does not begin as a call."""
    if python_calls.is_begun(text):
        yield from python_calls.read(text, tools)
    elif text[:1] in ("{", "["):
        yield from _json(text)


def _json(text: str) -> Iterator[Call]:
    begun = _JSON_BEGUN.match(text) is not None
    try:
        values, end = values_at(text, 0)
    except Unreadable:
        if begun and any(f'"{word}"' in text for word in ("name", "function")):
            raise
        return
    meant = all(looks_like_calls(value) for value in values)
    if not meant:
        return
    if end < len(text):
        raise Unreadable("something follows the JSON of a call that is the whole answer")
    for value in values:
        yield from calls_of(value)
