"""`[TOOL_CALLS]` before a JSON list of calls with ids of nine signs, and `[TOOL_CALLS]name[ARGS]{...}`: Mistral."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

from secondthought.tools.call_objects import as_text, calls_of
from secondthought.tools.calls import Call, Unwritable
from secondthought.tools.json_values import Unreadable, skip_blanks, value_at, values_at
from secondthought.tools.schemas import Tool

MARK = r"\[TOOL_CALLS\]"
_BEGIN = "[TOOL_CALLS]"
_NAMED = re.compile(r"\s*+([^\[\]{}\s]++)\s*+(?:\[CALL_ID\][^\[\]]*+)?\[ARGS\]\s*+")


def write(calls: Sequence[Call]) -> str:
    """Return the calls as a list; an id is a digest of its call and place, since a call has none of its own."""
    items = [
        {"name": call.name, "arguments": dict(call.arguments), "id": call_id(call, place)}
        for place, call in enumerate(calls)
    ]
    return _BEGIN + as_text(items)


def write_named(calls: Sequence[Call]) -> str:
    """Return the calls in the newer form, each with a mark of its own.

    Raises:
        Unwritable: a name holds blanks or brackets.
    """
    for call in calls:
        if not re.fullmatch(r"[^\[\]{}\s]++", call.name):
            raise Unwritable(f"{call.name!r:.80} cannot stand between [TOOL_CALLS] and [ARGS]")
    return "".join(f"{_BEGIN}{call.name}[ARGS]{as_text(dict(call.arguments))}" for call in calls)


def call_id(call: Call, place: int) -> str:
    """Return the id of a call, nine letters and digits."""
    said = as_text([place, call.name, dict(call.arguments)])
    return hashlib.blake2b(said.encode("utf-8", "replace"), digest_size=8).hexdigest()[:9]


def read(text: str, tools: Sequence[Tool]) -> Iterator[Call]:
    """Yield the calls of both forms, ids left out.

    Raises:
        Unreadable: neither a list of calls nor a name and its arguments follow the mark.
    """
    at = text.find(_BEGIN)
    while at >= 0:
        at += len(_BEGIN)
        named = _NAMED.match(text, at)
        if named is None:
            values, at = values_at(text, at)
        else:
            arguments, at = value_at(text, named.end())
            values = [{"name": named[1], "arguments": arguments}]
        for value in values:
            yield from calls_of(value)
        at = skip_blanks(text, at)
        if at < len(text) and not text.startswith(_BEGIN, at):
            raise Unreadable("something follows the calls after [TOOL_CALLS]")
        at = text.find(_BEGIN, at)
