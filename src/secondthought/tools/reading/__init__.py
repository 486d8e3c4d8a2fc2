"""Calls are read from what a model wrote, in any of the dialects: each is told by its marks, and nothing is executed.

| dialect | looks like |
|---|---|
| Qwen 2.5 and 3, Granite 4, SmolLM | `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`, one tag a call |
| Qwen 3.5 | `<tool_call><function=name><parameter=key>value</parameter></function></tool_call>` |
| Llama 3.x | `{"name": ..., "parameters": {...}}`, after `<|python_tag|>` or bare, several with `;` |
| Phi-4-mini, Granite 3 | `<|tool_call|>[{...}]`, closed or not |
| Mistral | `[TOOL_CALLS] [{...}]`, or `[TOOL_CALLS]name[ARGS]{...}` |
| FunctionGemma | `<start_function_call>call:name{key:<escape>value<escape>}<end_function_call>` |
| Python, as BFCL asks for it | `[name(key=value), ...]`, bare or in a fence |

JSON in a fence and bare JSON are read too. Of a text with several marks the first decides. What a thought says before
`</think>` calls nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from secondthought.tools.calls import CallReading
from secondthought.tools.reading import json_calls, python_calls, tagged_calls
from secondthought.tools.reading.broken import BrokenCallError

MAX_CHARS = 100_000
"""Only so much of a text is read: it bounds the work on what a model wrote."""
_THOUGHT, _THOUGHT_ENDS = "<think>", "</think>"

_MARKS: Mapping[str, Callable[[str], CallReading]] = {
    "<tool_call>": tagged_calls.in_tool_call_tags,
    "<|tool_call|>": tagged_calls.after_tool_call_token,
    "[TOOL_CALLS]": tagged_calls.after_mistrals_mark,
    "<|python_tag|>": tagged_calls.after_python_tag,
    "<function=": tagged_calls.in_function_tags,
    "<start_function_call>": tagged_calls.in_gemmas_tags,
}
_FIRST_MARK = re.compile("|".join(map(re.escape, _MARKS)))


def read_calls(text: str) -> CallReading:
    """Read the calls that a completion makes.

    >>> read_calls('<tool_call>{"name": "f", "arguments": {"n": 1}}</tool_call>').calls
    (Call(name='f', arguments={'n': 1}),)
    >>> read_calls("[math.hypot(x=3, y=4)]").calls
    (Call(name='math.hypot', arguments={'x': 3, 'y': 4}),)
    >>> read_calls("None of the functions fits."), read_calls("<tool_call>{").malformed
    (CallReading(calls=(), malformed=''), 'the JSON is broken')
    """
    said = _without_thought(text[:MAX_CHARS])
    first = _FIRST_MARK.search(said)
    try:
        if first:
            return _MARKS[first[0]](said)
        return json_calls.fenced_or_bare(said) or python_calls.fenced_or_bare(said) or CallReading(())
    except BrokenCallError as error:
        return CallReading((), str(error))


def _without_thought(text: str) -> str:
    """Return what follows the thought; nothing where one does not end."""
    if _THOUGHT_ENDS in text:
        return text.rpartition(_THOUGHT_ENDS)[2]
    return text.partition(_THOUGHT)[0] if _THOUGHT in text else text
