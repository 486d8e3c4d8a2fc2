"""Calls as JSON objects, the core of most dialects: `{"name": ..., "arguments": {...}}` and its variants."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from secondthought.tools.calls import Call
from secondthought.tools.json_values import Unreadable, value_of

ARGUMENTS = ("arguments", "parameters")
"""Names under which the arguments of a call are written."""


def calls_of(value: Any) -> Iterator[Call]:
    """Yield the calls of a JSON object or of a list of them.

    Raises:
        Unreadable: one of them is no call.
    """
    for item in value if isinstance(value, list) else [value]:
        yield _call(item)


def looks_like_calls(value: Any) -> bool:
    """Tell whether a JSON value is meant as one call or several: every object has a name and arguments."""
    items = value if isinstance(value, list) else [value]
    return bool(items) and all(_is_call(item) for item in items)


def as_json(call: Call, arguments: str = "arguments") -> str:
    """Return a call as a JSON object on one line."""
    return as_text({"name": call.name, arguments: dict(call.arguments)})


def as_text(value: Any) -> str:
    """Return a value as JSON on one line, as chat templates write it."""
    return json.dumps(value, ensure_ascii=False)


def _unwrapped(item: Any) -> Any:
    inner = item.get("function") if isinstance(item, Mapping) else None
    return inner if isinstance(inner, Mapping) else item


def _is_call(item: Any) -> bool:
    inner = _unwrapped(item)
    return isinstance(inner, Mapping) and "name" in inner and any(word in inner for word in ARGUMENTS)


def _call(item: Any) -> Call:
    inner = _unwrapped(item)
    if not isinstance(inner, Mapping):
        raise Unreadable("a call is no JSON object with a name and arguments")
    name = inner.get("name")
    if not isinstance(name, str) or not name.strip():
        raise Unreadable("a call has no name")
    given = [word for word in ARGUMENTS if word in inner]
    if len(given) != 1:
        raise Unreadable(f"the call of {name!r:.80} has {'two sets of' if given else 'no'} arguments")
    arguments = inner[given[0]]
    if isinstance(arguments, str):
        arguments = value_of(arguments)
    if not isinstance(arguments, Mapping):
        raise Unreadable(f"the arguments of {name!r:.80} are no JSON object")
    return Call(name=name.strip(), arguments=arguments)
