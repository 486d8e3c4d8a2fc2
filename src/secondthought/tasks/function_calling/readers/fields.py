"""Fields of rows that may be JSON or JSON in a text, read strictly: each error names the field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from secondthought.errors import TaskError
from secondthought.tasks.options import shown
from secondthought.text import whole_within

TASK = "function_calling"


def value_of(row: Mapping[str, Any], field: str) -> Any:
    """Return a field's JSON value; a text is read as JSON.

    Raises:
        TaskError: the field is missing, or its text is no JSON.
    """
    if field not in row:
        raise TaskError(f"{TASK} problem: field {field!r} is missing")
    value = row[field]
    if not isinstance(value, str):
        return whole_within(value)
    try:
        return whole_within(json.loads(value))
    except (ValueError, RecursionError):
        raise TaskError(f"{TASK} problem: {field!r} is a text that is no JSON: {shown(value)}") from None


def tools_of(row: Mapping[str, Any], field: str) -> list[dict[str, Any]]:
    """Return a field's list of tools, each with a name and parameters that are an object.

    Raises:
        TaskError: the field holds something else.
    """
    value = value_of(row, field)
    listed = [value] if isinstance(value, Mapping) and "name" in value else value
    if not isinstance(listed, list):
        raise TaskError(f"{TASK} problem: {field!r} must be a list of tools, not {shown(value)}")
    return [_tool(item, field) for item in listed]


def named_arguments(value: Any, field: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the arguments of a call; arguments may be JSON in a text.

    Raises:
        TaskError: the value is no call.
    """
    inner = (
        value.get("function") if isinstance(value, Mapping) and isinstance(value.get("function"), Mapping) else value
    )
    if not isinstance(inner, Mapping) or not isinstance(inner.get("name"), str) or not inner["name"]:
        raise TaskError(f"{TASK} problem: each of {field!r} must be an object with a name, not {shown(value)}")
    key = "arguments" if "arguments" in inner else "parameters"
    arguments = value_of(inner, key) if inner.get(key) not in (None, "") else {}
    if not isinstance(arguments, dict):
        raise TaskError(f"{TASK} problem: in {field!r}, the arguments of {inner['name']} must be an object")
    return inner["name"], arguments


def _tool(value: Any, field: str) -> dict[str, Any]:
    tool = value.get("function") if isinstance(value, Mapping) and isinstance(value.get("function"), Mapping) else value
    if not isinstance(tool, Mapping) or not isinstance(tool.get("name"), str) or not tool["name"].strip():
        raise TaskError(f"{TASK} problem: each of {field!r} must be an object with a name, not {shown(value)}")
    if not isinstance(tool.get("parameters", {}) or {}, Mapping):
        raise TaskError(f"{TASK} problem: in {field!r}, the parameters of {tool['name']} must be an object")
    return dict(tool)
