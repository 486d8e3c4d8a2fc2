"""Fields of rows that may be JSON or JSON in a text, read strictly: each error names the field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secondthought.errors import TaskError, shown
from secondthought.tools import stored
from secondthought.tools.wrapping import unwrapped

TASK = "function_calling"


def value_of(row: Mapping[str, Any], field: str) -> Any:
    """Return a field's JSON value; a text is read as JSON.

    Raises:
        TaskError: the field is missing, or its text is no JSON.
    """
    return stored.json_of(_given(row, field), f"{TASK} problem: {field!r}")


def tools_of(row: Mapping[str, Any], field: str) -> list[dict[str, Any]]:
    """Return a field's list of tools, each with a name and parameters that are an object.

    Raises:
        TaskError: the field holds something else.
    """
    return stored.tools_of(_given(row, field), f"{TASK} problem: {field!r}")


def named_arguments(value: Any, field: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the arguments of a call; arguments may be JSON in a text.

    Raises:
        TaskError: the value is no call.
    """
    inner = unwrapped(value) if isinstance(value, Mapping) else {}
    if not isinstance(inner.get("name"), str) or not inner["name"]:
        raise TaskError(f"{TASK} problem: each of {field!r} must be an object with a name, not {shown(value)}")
    key = "arguments" if "arguments" in inner else "parameters"
    arguments = value_of(inner, key) if inner.get(key) not in (None, "") else {}
    if not isinstance(arguments, dict):
        raise TaskError(f"{TASK} problem: in {field!r}, the arguments of {inner['name']} must be an object")
    return inner["name"], arguments


def _given(row: Mapping[str, Any], field: str) -> Any:
    if field not in row:
        raise TaskError(f"{TASK} problem: field {field!r} is missing")
    return row[field]
