"""Rows of Seal-Tools: `query` and `calling`, with the tools in a catalogue; each becomes a row as xLAM has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secondthought.errors import TaskError, shown
from secondthought.rng import stream

_RESULT = "API_call_"
"""Begins a value that is another call's result: such calls cannot be stated beforehand."""


def is_row(row: Mapping[str, Any]) -> bool:
    """Tell whether a row has the fields of this set."""
    return "query" in row and "calling" in row


def row_of(
    row: Mapping[str, Any], catalogue: Mapping[str, Mapping[str, Any]], distractors: int
) -> dict[str, Any] | None:
    """Return the row with its tools and some others of the same field; None where a call needs another's result.

    Raises:
        TaskError: the calls are not a list of calls, or the catalogue lacks a tool.
    """
    calls = row["calling"]
    if not isinstance(calls, list) or not all(isinstance(item, Mapping) and "api" in item for item in calls):
        raise TaskError(f"function_calling problem: 'calling' must be a list of calls with an api, not {shown(calls)}")
    if any(_RESULT in str(value) for item in calls for value in (item.get("parameters") or {}).values()):
        return None
    needed = list(dict.fromkeys(str(item["api"]) for item in calls))
    missing = next((name for name in needed if name not in catalogue), None)
    if missing is not None:
        raise TaskError(
            f"function_calling problem: the tool {missing!r} is in none of the files; add Seal-Tools' tool.jsonl"
        )
    rng = stream("seal_tools", str(row["query"]))
    others = [name for name in catalogue if name not in needed]
    names = [*needed, *rng.sample(others, min(distractors, len(others)))]
    rng.shuffle(names)
    answers = [{"name": item["api"], "arguments": item.get("parameters") or {}} for item in calls]
    return {**row, "tools": [_tool(catalogue[name]) for name in names], "answers": answers}


def _tool(declared: Mapping[str, Any]) -> dict[str, Any]:
    properties = declared.get("parameters") or {}
    required = declared.get("required")
    return {
        "name": declared["api_name"],
        "description": declared.get("api_description", ""),
        "parameters": {
            "type": "object",
            "properties": properties,
            "required": [name for name in required if name in properties] if isinstance(required, list) else [],
        },
    }
