"""Calls are read from what a model wrote, in whatever dialect: told apart by their marks, never executed.

An answer that is calls and nothing else is read as that. Otherwise the first mark decides; prose may stand around
marked calls. Otherwise fenced blocks are read. A thought before the answer calls nothing. No text raises.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from secondthought.tools.calls import Call, CallReading
from secondthought.tools.dialects import DIALECTS, Read, bare
from secondthought.tools.json_values import Unreadable
from secondthought.tools.schemas import Tool

_THOUGHT = re.compile(r"\s*+<think>.*?(?:</think>|\Z)", re.DOTALL)
_THOUGHT_END = re.compile(r"^[ \t]*+</think>", re.MULTILINE)
_MARKED = {name: dialect for name, dialect in DIALECTS.items() if dialect.mark}
_LONGEST_FIRST = sorted(
    {dialect.mark: dialect.read for dialect in _MARKED.values()}.items(), key=lambda row: -len(row[0])
)
_MARKS = re.compile("|".join(f"({mark})" for mark, _ in _LONGEST_FIRST))


def read_calls(text: str, tools: Sequence[Tool] = ()) -> CallReading:
    """Return what a completion asks for; `tools` give the types of values in dialects that write all values as text.

    >>> read_calls('<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>').calls
    (Call(name='f', arguments={'a': 1}),)
    >>> read_calls("[f(a=1").malformed
    "a call in Python syntax breaks off where ')' should stand"
    >>> read_calls("There is no tool for that.")
    CallReading(calls=(), malformed='')
    """
    said = without_thought(text).strip()
    found = _MARKS.search(said)
    if found is None:
        return _reading(bare.read, said, tools)
    whole = _reading(bare.read_alone, said, tools)
    if whole.calls and not whole.malformed:
        return whole  # the mark stands in the text of an argument
    return _reading(_LONGEST_FIRST[(found.lastindex or 1) - 1][1], said, tools)


def without_thought(text: str) -> str:
    r"""Return an answer without the thought that it begins with; one that is not closed is all that there is.

    >>> without_thought("<think>\nf(a=1)?\n</think>\n\n[g()]"), without_thought("so:\n</think>\n\n[g()]")
    ('\n\n[g()]', '\n\n[g()]')
    """
    found = _THOUGHT.match(text) or _THOUGHT_END.search(text)
    return text[found.end() :] if found else text


def _reading(read: Read, text: str, tools: Sequence[Tool]) -> CallReading:
    calls: list[Call] = []
    try:
        for call in read(text, tools):
            calls.append(call)
    except Unreadable as error:
        return CallReading(tuple(calls), str(error))
    return CallReading(tuple(calls))
