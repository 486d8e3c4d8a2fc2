"""`{"name": ..., "parameters": {...}}` as the whole answer, `; ` between calls, a `<|python_tag|>` before: Llama 3.x.

Without the tag such an answer is read as any bare JSON is; after the tag, calls in Python syntax are read as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from secondthought.tools.call_objects import as_json, calls_of
from secondthought.tools.calls import Call
from secondthought.tools.dialects import python_calls
from secondthought.tools.json_values import Unreadable, skip_blanks, values_at
from secondthought.tools.schemas import Tool

MARK = r"<\|python_tag\|>"
_TAG = "<|python_tag|>"


def write(calls: Sequence[Call]) -> str:
    """Return the calls as JSON objects with `parameters`."""
    return "; ".join(as_json(call, "parameters") for call in calls)


def read(text: str, tools: Sequence[Tool]) -> Iterator[Call]:
    """Yield the calls after the tag.

    Raises:
        Unreadable: something else follows it.
    """
    at = skip_blanks(text, text.find(_TAG) + len(_TAG))
    if text[at : at + 1] not in ("{", "["):
        yield from python_calls.read(text[at:].strip(), tools)
        return
    while at < len(text):
        values, at = values_at(text, at)
        for value in values:
            yield from calls_of(value)
        if at < len(text) and not text.startswith(_TAG, at):
            raise Unreadable("something follows the JSON of a call after <|python_tag|>")
        at = skip_blanks(text, at + len(_TAG)) if at < len(text) else at
