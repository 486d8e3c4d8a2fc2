"""Rows of ToolAlpaca: an API with several requests; each request becomes a row of calls stated outright.

The tools are declared in English, `Parameters: {"year": "Required. integer. The year."}`. Of a request with several
calls, those after the first often need the first one's result; where a value is a placeholder (`${id from search}`), is
no JSON, or names a function that is not declared, the request is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_PARAMETERS = re.compile(r"^Parameters: (\{.*\})$", re.MULTILINE)
_REQUIRED = "Required."


def is_row(row: Mapping[str, Any]) -> bool:
    """Tell whether a row has the fields of this set."""
    return "Instructions" in row and "Golden_Answers" in row and "Function_Description" in row


def rows(row: Mapping[str, Any]) -> Iterator[dict[str, Any] | None]:
    """Yield a row for each request, None where its calls cannot be stated beforehand."""
    described = row["Function_Description"]
    tools = [_tool(name, text) for name, text in described.items() if name != "components" and isinstance(text, str)]
    names = {tool["name"] for tool in tools}
    for request, golden in zip(row["Instructions"], row["Golden_Answers"], strict=False):
        calls = [_call(item) for item in golden]
        if calls and all(call is not None and call["name"] in names for call in calls):
            yield {"query": request, "tools": tools, "answers": calls}
        else:
            yield None


def _call(item: Any) -> dict[str, Any] | None:
    try:
        arguments = json.loads(item["Action_Input"])
        name = item["Action"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(arguments, dict) or not isinstance(name, str) or "${" in item["Action_Input"]:
        return None
    return {"name": name, "arguments": arguments}


def _tool(name: str, text: str) -> dict[str, Any]:
    found = _PARAMETERS.search(text)
    try:
        declared = json.loads(found[1]) if found else {}
    except (ValueError, RecursionError):
        declared = {}
    properties = {key: _property(str(value)) for key, value in declared.items()}
    required = [key for key, value in declared.items() if str(value).startswith(_REQUIRED)]
    return {
        "name": name,
        "description": text.partition("\n")[0],
        "parameters": {"type": "object", "properties": properties, "required": required},
    }


def _property(text: str) -> dict[str, Any]:
    """Read `Required. integer. The year.`: the first word after it is the type, the rest describes."""
    kind, _, description = text.removeprefix(_REQUIRED).strip().partition(".")
    return {"type": kind.strip().lower(), "description": description.strip()}
