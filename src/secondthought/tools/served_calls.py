"""Calls as OpenAI's servers hold them, in a message's `tool_calls`, become text as models write it, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from secondthought.tools.calls import Call
from secondthought.tools.writing import call_id


def calls_as_text(given: Any) -> str:
    r"""Write a message's `tool_calls` in `<tool_call>` tags; arguments that are no JSON stay as they are, unreadable.

    >>> calls_as_text([{"function": {"name": "f", "arguments": '{"a": 1}'}}])
    '<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>'
    >>> calls_as_text(None)
    ''
    """
    items = [item.get("function") for item in given if isinstance(item, dict)] if isinstance(given, list) else []
    texts = []
    for item in items:
        if isinstance(item, dict):
            arguments = item.get("arguments") or "{}"
            shown = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
            name = json.dumps(item.get("name"), ensure_ascii=False)
            texts.append(f'<tool_call>\n{{"name": {name}, "arguments": {shown}}}\n</tool_call>')
    return "\n".join(texts)


def calls_as_objects(calls: Sequence[Call]) -> list[dict[str, Any]]:
    """Return calls as a message's `tool_calls`.

    >>> calls_as_objects([Call("f", {"a": 1})])[0]["function"]
    {'name': 'f', 'arguments': '{"a": 1}'}
    """
    return [
        {
            "id": f"call_{call_id(call, place)}",
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments), ensure_ascii=False)},
        }
        for place, call in enumerate(calls)
    ]
