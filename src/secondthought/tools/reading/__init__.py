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

JSON in a fence is read too, and bare JSON where it begins a line or follows a colon or a tag; `json_calls` says why.
Of a text with several marks the first decides. A mark in the text of an argument is text. What a thought says before
`</think>` calls nothing.

All of it is strict, whatever a judge makes of the calls: an object or a call that gives a name twice, `NaN` and
infinities are broken, and so is a value nested more than 32 deep.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from secondthought.tools.calls import CallReading
from secondthought.tools.reading import json_calls, python_calls, tagged_calls
from secondthought.tools.reading.broken import BrokenCallError
from secondthought.tools.reading.thoughts import without_thought

MAX_CHARS = 100_000
"""Only so much of a text is read: it bounds the work on what a model wrote."""

_MARKS: Mapping[str, Callable[[str, tagged_calls.Tools], CallReading]] = {
    "<tool_call>": tagged_calls.in_tool_call_tags,
    "<|tool_call|>": tagged_calls.after_tool_call_token,
    "[TOOL_CALLS]": tagged_calls.after_mistrals_mark,
    "<|python_tag|>": tagged_calls.after_python_tag,
    "<function=": tagged_calls.in_function_tags,
    "<start_function_call>": tagged_calls.in_gemmas_tags,
}
_FIRST_MARK = re.compile("|".join(map(re.escape, _MARKS)))


def read_calls(text: str, tools: Sequence[Mapping[str, Any]] = ()) -> CallReading:
    """Read the calls that a completion makes.

    The tools' JSON schemas tell the types of arguments that a dialect writes as text (`argument_types`); dialects with
    types of their own are read as they stand.

    >>> read_calls('<tool_call>{"name": "f", "arguments": {"n": 1}}</tool_call>').calls
    (Call(name='f', arguments={'n': 1}),)
    >>> read_calls("[math.hypot(x=3, y=4)]").calls
    (Call(name='math.hypot', arguments={'x': 3, 'y': 4}),)
    >>> read_calls("None of the functions fits."), read_calls("<tool_call>{").malformed
    (CallReading(calls=(), malformed=''), 'the JSON is broken')
    """
    said = without_thought(text[:MAX_CHARS].strip(), _begins_call)
    first = _FIRST_MARK.search(said)
    if (first or json_calls.FENCE in said) and (whole := python_calls.alone(said)):
        return whole
    try:
        if first and not json_calls.is_inside(said, first.start()):
            return _MARKS[first[0]](said, tools)
        return json_calls.fenced_or_bare(said) or python_calls.fenced_or_bare(said) or CallReading(())
    except BrokenCallError as error:
        return CallReading((), str(error))


def is_call(text: str) -> bool:
    """Tell whether a completion, its thoughts aside, begins with a call: else it is words that may quote one.

    >>> is_call('<tool_call>{"name": "f"}</tool_call>'), is_call('The page says <tool_call>{"name": "f"}</tool_call>')
    (True, False)
    """
    return _begins_call(without_thought(text[:MAX_CHARS].strip(), _begins_call).lstrip())


def _begins_call(text: str) -> bool:
    return bool(_FIRST_MARK.match(text)) or json_calls.begins_call(text) or python_calls.begins_call(text)
