"""Tools as rows of data sets hold them: a list or one tool alone, wrapped or not, as JSON or as JSON in a text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from secondthought.errors import TaskError, shown
from secondthought.text import whole_within
from secondthought.tools.wrapping import unwrapped


def json_of(value: Any, field: str) -> Any:
    """Return a field's JSON value; a text is read as JSON.

    Raises:
        TaskError: the text is no JSON.
    """
    if not isinstance(value, str):
        return whole_within(value)
    try:
        return whole_within(json.loads(value))
    except (ValueError, RecursionError):
        raise TaskError(f"{field} is a text that is no JSON: {shown(value)}") from None


def tools_of(value: Any, field: str) -> list[dict[str, Any]]:
    """Return the tools that a field holds, each with a name and without OpenAI's wrapping.

    >>> tools_of('{"type": "function", "function": {"name": "now"}}', "field 'tools'")
    [{'name': 'now'}]

    Raises:
        TaskError: the field holds something else.
    """
    found = json_of(value, field)
    listed = [found] if isinstance(found, Mapping) and _is_tool(unwrapped(found)) else found
    if not isinstance(listed, list):
        raise TaskError(f"{field} must be a list of tools, not {shown(found)}")
    return [_tool(item, f"{field}, item {number}") for number, item in enumerate(listed, start=1)]


def _tool(value: Any, place: str) -> dict[str, Any]:
    tool = unwrapped(value) if isinstance(value, Mapping) else {}
    if not _is_tool(tool):
        raise TaskError(f"{place}, must be {{'name': TEXT, 'parameters': JSON SCHEMA}}, not {shown(value)}")
    if not isinstance(tool.get("parameters") or {}, Mapping):
        raise TaskError(f"{place}: the parameters of {tool['name']} must be an object")
    return tool


def _is_tool(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("name"), str) and bool(value["name"].strip())
