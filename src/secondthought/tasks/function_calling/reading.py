"""Calls are read from a completion (until `tools.reading` is there)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from secondthought.tools.calls import Call, CallReading

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"


def read_calls(text: str) -> CallReading:
    """Read `<tool_call>` JSON, or bare JSON."""
    if _OPEN in text:
        parts = text[:200_000].split(_OPEN)[1:65]
        bodies = [part.partition(_CLOSE)[0] for part in parts]
    else:
        body = text[:200_000].strip()
        if body.startswith("```"):
            body = body.strip("`").removeprefix("json").strip()
        if not body.startswith(("{", "[")):
            return CallReading(())
        bodies = [body]
    calls: list[Call] = []
    for body in bodies:
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            return CallReading((), "the JSON is broken")
        for item in value if isinstance(value, list) else [value]:
            call = _call(item)
            if call is None:
                return CallReading((), "a call needs a name and arguments")
            calls.append(call)
    return CallReading(tuple(calls))


def _call(item: Any) -> Call | None:
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
        return None
    arguments = item.get("arguments", item.get("parameters", {}))
    return Call(item["name"], arguments) if isinstance(arguments, dict) else None
