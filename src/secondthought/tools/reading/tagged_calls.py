"""Calls between marks of a dialect's own; a text of each function holds its mark.

What follows a mark is read value by value, and the mark that closes it is looked for after the last of them. So a mark
in the text of an argument is text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from secondthought.tools.calls import Call, CallReading
from secondthought.tools.reading import function_tags, gemma_calls, json_calls, python_calls
from secondthought.tools.reading.broken import BrokenCallError
from secondthought.tools.reading.json_values import value_at

_OPENS, _CLOSES = "<tool_call>", "</tool_call>"
_TOKEN, _TOKEN_ENDS = "<|tool_call|>", "<|/tool_call|>"
_MISTRAL, _NAMED = "[TOOL_CALLS]", re.compile(r"\s*([^\s\[]+)\s*\[ARGS\]\s*")
_PYTHON_TAG, _GEMMA = "<|python_tag|>", "<start_function_call>"
_ENDS_OF_TURN = ("<|eom_id|>", "<|eot_id|>", "</s>")
_IS_JSON = re.compile(r"\s*\[?\s*\{")

Tools = Sequence[Mapping[str, Any]]
ReadAt = Callable[[str, int], tuple[list[Call], int]]


def in_tool_call_tags(text: str, tools: Tools) -> CallReading:
    """Read what stands in each `<tool_call>` tag: JSON, or functions with their parameters in tags."""

    def read(text: str, place: int) -> tuple[list[Call], int]:
        start = function_tags.skip_blanks(text, place)
        if text.startswith(function_tags.OPENS, start):
            return function_tags.calls_at(text, start, tools)
        return json_calls.calls_at(text, start, (_CLOSES, _OPENS))

    return _after_each(_OPENS, text, read)


def in_function_tags(text: str, tools: Tools) -> CallReading:
    """Read functions in tags that stand without a tag around them."""

    def read(text: str, place: int) -> tuple[list[Call], int]:
        return function_tags.calls_at(text, place - len(function_tags.OPENS), tools)

    return _after_each(function_tags.OPENS, text, read)


def after_tool_call_token(text: str, tools: Tools) -> CallReading:
    """Read the list of calls that follows `<|tool_call|>`."""
    return _after_each(_TOKEN, text, lambda text, place: json_calls.calls_at(text, place, (_TOKEN_ENDS, _TOKEN)))


def after_python_tag(text: str, tools: Tools) -> CallReading:
    """Read the JSON or the Python call that follows `<|python_tag|>`."""
    start = text.find(_PYTHON_TAG) + len(_PYTHON_TAG)
    if _IS_JSON.match(text, start):
        return CallReading(tuple(json_calls.calls_at(text, start, _ENDS_OF_TURN)[0]))
    body = text[start:].strip()
    end = body.rfind("]" if body.startswith("[") else ")") + 1
    rest = body[end:].lstrip()
    return CallReading(python_calls.calls_in(body[:end] if rest.startswith(_ENDS_OF_TURN) else body))


def after_mistrals_mark(text: str, tools: Tools) -> CallReading:
    """Read `[TOOL_CALLS] [{...}]`, or the later form in which a name is followed by its arguments."""
    return _after_each(_MISTRAL, text, _mistrals)


def in_gemmas_tags(text: str, tools: Tools) -> CallReading:
    """Read `call:name{key:value}` after each of FunctionGemma's marks."""

    def read(text: str, place: int) -> tuple[list[Call], int]:
        call, end = gemma_calls.call_at(text, place)
        return [call], end

    return _after_each(_GEMMA, text, read)


def _mistrals(text: str, place: int) -> tuple[list[Call], int]:
    ends = (_MISTRAL, *_ENDS_OF_TURN)
    name = _NAMED.match(text, place)
    if name is None:
        return json_calls.calls_at(text, place, ends)
    arguments, end = value_at(text, name.end())
    end = function_tags.skip_blanks(text, end)
    if end < len(text) and not text.startswith(ends, end):
        raise BrokenCallError("something follows the arguments of a call")
    return [json_calls.call_of({"name": name[1], "arguments": arguments})], end


def _after_each(opens: str, text: str, read: ReadAt) -> CallReading:
    """Read what follows each mark; the next one is looked for where that ends."""
    calls: list[Call] = []
    place = text.find(opens)
    while place >= 0:
        more, place = read(text, place + len(opens))
        calls = json_calls.limited([*calls, *more])
        place = text.find(opens, place)
    return CallReading(tuple(calls))
