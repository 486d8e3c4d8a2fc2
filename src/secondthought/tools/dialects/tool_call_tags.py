"""`<tool_call>` tags around a JSON object, several in a row: Qwen2.5, Qwen3, Granite 4, SmolLM2 and SmolLM3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from secondthought.tools.call_objects import as_json, calls_of
from secondthought.tools.calls import Call
from secondthought.tools.json_values import Unreadable, values_at
from secondthought.tools.schemas import Tool

MARK = r"<tool_call>"
_END = "</tool_call>"


def write(calls: Sequence[Call]) -> str:
    """Return the calls, each between tags of its own."""
    return "\n".join(f"<tool_call>\n{as_json(call)}\n{_END}" for call in calls)


def read(text: str, tools: Sequence[Tool]) -> Iterator[Call]:
    """Yield the calls of all pairs of tags; the last pair may lack its end, and prose may stand between them.

    Raises:
        Unreadable: tags do not hold JSON of calls, and nothing else.
    """
    at = text.find("<tool_call>")
    while at >= 0:
        values, end = values_at(text, at + len("<tool_call>"))
        for value in values:
            yield from calls_of(value)
        if text.startswith(_END, end):
            end += len(_END)
        elif end < len(text) and not text.startswith("<tool_call>", end):
            raise Unreadable("something follows the JSON of a call inside its <tool_call> tags")
        at = text.find("<tool_call>", end)
