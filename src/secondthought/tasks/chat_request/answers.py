"""What an answer says in words, and what it calls: read from a text, or from a server's message that tells them apart.

In a text a call is what the answer begins with, its thoughts aside. A call that stands among words is quoted: from a
page that the model read, perhaps, and nobody may act on it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secondthought.tools.calls import Call
from secondthought.tools.reading import is_call, read_calls


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerParts:
    """`AnswerParts` are an answer taken apart; `malformed` says why a call that it makes cannot be read."""

    words: str
    calls: tuple[Call, ...] = ()
    malformed: str = ""


def said_in(text: str, tools: Sequence[Mapping[str, Any]]) -> AnswerParts:
    """Take a text apart.

    >>> said_in('<tool_call>{"name": "f", "arguments": {}}</tool_call>', [{"name": "f"}]).calls
    (Call(name='f', arguments={}),)
    >>> said_in('It says <tool_call>{"name": "f", "arguments": {}}</tool_call>', [{"name": "f"}]).calls
    ()
    """
    if not tools or not is_call(text):
        return AnswerParts(words=text)
    read = read_calls(text, tools)
    return AnswerParts(words=text, calls=read.calls, malformed=read.malformed)


def said_by(message: Mapping[str, Any], words: str) -> AnswerParts:
    """Take a server's message apart: its `tool_calls`, and its words as they were read."""
    given = message.get("tool_calls")
    calls: list[Call] = []
    for item in given if isinstance(given, list) else []:
        function = item.get("function") if isinstance(item, Mapping) else None
        if not isinstance(function, Mapping):
            return AnswerParts(words=words, malformed="it is no function")
        try:
            arguments = json.loads(function.get("arguments") or "{}")
        except (ValueError, TypeError, RecursionError):
            return AnswerParts(words=words, malformed="the JSON of its arguments is broken")
        if not isinstance(arguments, dict):
            return AnswerParts(words=words, malformed="its arguments are no object")
        calls.append(Call(str(function.get("name")), arguments))
    return AnswerParts(words=words, calls=tuple(calls))
