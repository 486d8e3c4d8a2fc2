"""A `<|tool_call|>` token before a JSON list of calls: Phi-4-mini, which closes it, and Granite 3, which does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from secondthought.tools.call_objects import as_text, calls_of
from secondthought.tools.calls import Call
from secondthought.tools.json_values import Unreadable, values_at
from secondthought.tools.schemas import Tool

MARK = r"<\|tool_call\|>"
_BEGIN, _END = "<|tool_call|>", "<|/tool_call|>"


def write_granite(calls: Sequence[Call]) -> str:
    """Return the calls as Granite 3 writes them."""
    return _BEGIN + as_text([{"name": call.name, "arguments": dict(call.arguments)} for call in calls])


def write_phi(calls: Sequence[Call]) -> str:
    """Return the calls as Phi-4-mini writes them."""
    return write_granite(calls) + _END


def read(text: str, tools: Sequence[Tool]) -> Iterator[Call]:
    """Yield the calls after each token; prose may follow the closing token only.

    Raises:
        Unreadable: something else than JSON of calls follows the token.
    """
    at = text.find(_BEGIN)
    while at >= 0:
        values, end = values_at(text, at + len(_BEGIN))
        for value in values:
            yield from calls_of(value)
        if text.startswith(_END, end):
            end += len(_END)
        elif end < len(text) and not text.startswith(_BEGIN, end):
            raise Unreadable("something follows the JSON of a call after <|tool_call|>")
        at = text.find(_BEGIN, end)
