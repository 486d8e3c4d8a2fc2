"""Calls between marks of a dialect's own; a text of each function holds its mark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from secondthought.tools.calls import Call, CallReading
from secondthought.tools.reading import json_calls, python_calls
from secondthought.tools.reading.broken import MAX_CALLS, BrokenCallError

_OPENS, _CLOSES = "<tool_call>", "</tool_call>"
_FUNCTION, _FUNCTION_ENDS = "<function=", "</function>"
_PARAMETER, _PARAMETER_ENDS = "<parameter=", "</parameter>"
_TOKEN, _TOKEN_ENDS = "<|tool_call|>", "<|/tool_call|>"
_MISTRAL, _MISTRALS_ARGUMENTS = "[TOOL_CALLS]", "[ARGS]"
_PYTHON_TAG, _ENDS_OF_TURN = "<|python_tag|>", re.compile(r"<\|(?:eom|eot)_id\|>.*\Z|</s>.*\Z", re.DOTALL)
_IS_JSON = re.compile(r"\[?\s*\{")
_GEMMA, _GEMMA_ENDS, _ESCAPE = "<start_function_call>", "<end_function_call>", "<escape>"
_GEMMAS_CALL = re.compile(r"\s*call:([\w.\-]+)\s*\{")
_GEMMAS_KEY = re.compile(r"\s*,?\s*[\"']?([\w.\-]+)[\"']?\s*:\s*")
_GEMMAS_COMMA = re.compile(r"(\s*,?\s*)")
_PYTHONS_WORDS = {"True": True, "False": False, "None": None}
"""How Qwen 3.5's template writes values that JSON spells otherwise."""
_MAX_DEPTH, _MAX_VALUES, _MAX_GEMMA = 16, 1000, 10_000


def in_tool_call_tags(text: str) -> CallReading:
    """Read what stands in each `<tool_call>` tag: JSON, or a function with its parameters in tags."""
    calls: list[Call] = []
    for body in _bodies(text, _OPENS, _CLOSES):
        calls += _functions(body) if _FUNCTION in body else json_calls.calls_in(body)
    return _reading(calls)


def in_function_tags(text: str) -> CallReading:
    """Read functions in tags that stand without a tag around them."""
    return _reading(_functions(text))


def after_tool_call_token(text: str) -> CallReading:
    """Read the list of calls that follows `<|tool_call|>`."""
    calls = [call for body in _bodies(text, _TOKEN, _TOKEN_ENDS) for call in json_calls.calls_in(body)]
    return _reading(calls)


def after_python_tag(text: str) -> CallReading:
    """Read the JSON or the Python call that follows `<|python_tag|>`."""
    body = _ENDS_OF_TURN.sub("", text.partition(_PYTHON_TAG)[2]).strip()
    return _reading(list((json_calls if _IS_JSON.match(body) else python_calls).calls_in(body)))


def after_mistrals_mark(text: str) -> CallReading:
    """Read `[TOOL_CALLS] [{...}]`, or the later form in which a name is followed by its arguments."""
    calls: list[Call] = []
    for body in _bodies(_ENDS_OF_TURN.sub("", text), _MISTRAL, _MISTRAL):
        name, mark, arguments = body.partition(_MISTRALS_ARGUMENTS)
        if mark:
            calls.append(json_calls.call_of({"name": name.strip(), "arguments": json_calls.value_of(arguments)}))
        else:
            calls += json_calls.calls_in(body)
    return _reading(calls)


def in_gemmas_tags(text: str) -> CallReading:
    """Read `call:name{key:value}`; texts stand between two `<escape>`, other values are JSON."""
    return _reading([_gemmas_call(body) for body in _bodies(text, _GEMMA, _GEMMA_ENDS)])


def _reading(calls: list[Call]) -> CallReading:
    return CallReading(json_calls.limited(calls))


def _bodies(text: str, opens: str, closes: str) -> Iterator[str]:
    """Yield what follows each mark, to its end where it has one."""
    parts = text.split(opens, MAX_CALLS + 2)[1:]
    if len(parts) > MAX_CALLS:
        raise BrokenCallError(f"more than {MAX_CALLS} calls")
    for part in parts:
        yield part.partition(closes)[0]


def _functions(text: str) -> list[Call]:
    """Read `<function=name>` with its parameters; a value is JSON where it can be read so, else the text that it is."""
    calls = []
    for body in _bodies(text, _FUNCTION, _FUNCTION_ENDS):
        name, bracket, inner = body.partition(">")
        if not bracket or not name.strip():
            raise BrokenCallError("a function's tag is broken")
        calls.append(Call(name.strip(), dict(_parameters(inner))))
    return calls


def _parameters(text: str) -> Iterator[tuple[str, Any]]:
    for part in text.split(_PARAMETER, 4 * MAX_CALLS)[1:]:
        name, bracket, rest = part.partition(">")
        value, ends, _ = rest.partition(_PARAMETER_ENDS)
        if not bracket or not ends:
            raise BrokenCallError("a parameter's tag is broken")
        yield name.strip(), _json_or_text(value.strip("\n"))


def _json_or_text(text: str) -> Any:
    if text in _PYTHONS_WORDS:
        return _PYTHONS_WORDS[text]
    try:
        return json_calls.value_of(text)
    except BrokenCallError:
        return text


def _gemmas_call(body: str) -> Call:
    found = _GEMMAS_CALL.match(body)
    if found is None or len(body) > _MAX_GEMMA:
        raise BrokenCallError("the call is broken")
    arguments, _ = _gemmas_nested(body, found.end() - 1, 0)
    return Call(found[1], arguments)


def _gemmas_value(body: str, place: int, depth: int) -> tuple[Any, int]:
    """Return the value at a place: an escaped text, a list or object of values, or a JSON value."""
    if body.startswith(_ESCAPE, place):
        start = place + len(_ESCAPE)
        end = body.find(_ESCAPE, start)
        if end < 0:
            raise BrokenCallError("a text is not closed")
        return body[start:end], end + len(_ESCAPE)
    if body[place : place + 1] in ("[", "{"):
        return _gemmas_nested(body, place, depth)
    return json_calls.value_at(body, place)


def _gemmas_nested(body: str, place: int, depth: int) -> tuple[Any, int]:
    """Return the list or object that begins at a place; names of members are bare."""
    is_object = body[place] == "{"
    closes = "}" if is_object else "]"
    names: list[str] = []
    values: list[Any] = []
    place += 1
    while not body.startswith(closes, place):
        key = _GEMMAS_KEY.match(body, place) if is_object else _GEMMAS_COMMA.match(body, place)
        if key is None or depth > _MAX_DEPTH or len(values) > _MAX_VALUES:
            raise BrokenCallError("the call's arguments are broken")
        value, place = _gemmas_value(body, key.end(), depth + 1)
        names.append(key[1])
        values.append(value)
    return (dict(zip(names, values, strict=True)) if is_object else values), place + 1
