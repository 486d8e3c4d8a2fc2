"""`<function=NAME>` with a `<parameter=P>` for each argument, in `<tool_call>` tags: Qwen3.5 and Qwen3-Coder.

Values stand as plain text, so a type is known from the tool's schema alone. Without one, what reads as JSON is JSON.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from secondthought.tools.call_objects import as_text
from secondthought.tools.calls import Call, Unwritable
from secondthought.tools.json_values import Unreadable, value_of
from secondthought.tools.schemas import Tool, types_of

MARK = r"<tool_call>\s*+<function=|<function="
_FUNCTION = re.compile(r"(?:<tool_call>\s*+)?<function=([^<>\n]*+)>")
_PARAMETER = re.compile(r"\s*+<parameter=([^<>\n]*+)>")
_END = re.compile(r"\s*+</function>\s*+(?:</tool_call>)?")
_VALUE_END = "</parameter>"
_WORDS = {"True": True, "False": False, "None": None, "true": True, "false": False, "null": None}
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def write(calls: Sequence[Call]) -> str:
    """Return the calls in tags; texts stand as they are, lists and objects as JSON, the rest as Python writes it.

    Raises:
        Unwritable: a name or a text holds a tag of this dialect.
    """
    return "\n".join(map(_one, calls))


def read(text: str, tools: Sequence[Tool]) -> Iterator[Call]:
    """Yield the calls of all function tags, values by the types of the tools' schemas.

    Raises:
        Unreadable: a tag is not closed, or something else stands between the parameters.
    """
    found = _FUNCTION.search(text)
    if found is None:
        raise Unreadable("a <function=NAME> tag breaks off")
    while found is not None:
        name = found[1].strip()
        if not name:
            raise Unreadable("a call has no name")
        arguments, end = _arguments(text, found.end(), types_of(tools, name))
        yield Call(name=name, arguments=arguments)
        found = _FUNCTION.search(text, end)


def _arguments(text: str, at: int, types: Mapping[str, Collection[str]]) -> tuple[dict[str, Any], int]:
    arguments: dict[str, Any] = {}
    while (begun := _PARAMETER.match(text, at)) is not None:
        key, end = begun[1].strip(), text.find(_VALUE_END, begun.end())
        if end < 0:
            raise Unreadable(f"the parameter {key!r:.80} is not closed")
        if key in arguments:
            raise Unreadable(f"a call names the parameter {key!r:.80} twice")
        arguments[key] = _typed(_without_breaks(text[begun.end() : end]), types.get(key, ()))
        at = end + len(_VALUE_END)
    ended = _END.match(text, at)
    if ended is None and text[at:].strip():
        raise Unreadable("something else than parameters stands in a <function=NAME> tag")
    if ended is None:
        raise Unreadable("a <function=NAME> tag is not closed")
    return arguments, ended.end()


def _typed(text: str, types: Collection[str]) -> Any:
    """Return the value that a text stands for: by its types, else as JSON where it is JSON, else as the text."""
    if types and set(types) <= {"string"}:
        return text
    known, value = _value(text.strip())
    fits = not types or any(_is_of(value, name) for name in types)
    return value if known and fits else text


def _value(text: str) -> tuple[bool, Any]:
    if text in _WORDS:
        return True, _WORDS[text]
    try:
        return True, value_of(text)
    except Unreadable:
        return False, None


def _is_of(value: Any, name: str) -> bool:
    kind = _KINDS.get(name)
    return kind is not None and isinstance(value, kind) and (name == "boolean" or not isinstance(value, bool))


def _without_breaks(text: str) -> str:
    """Return a value without the line break that follows the opening tag and the one before the closing tag."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == "\n" else text.strip("\n")


def _one(call: Call) -> str:
    shown = [f"<parameter={key}>\n{_text(value)}\n{_VALUE_END}\n" for key, value in call.arguments.items()]
    for text in (call.name, *call.arguments):
        if not text.strip() or text != text.strip() or re.search(r"[<>\n]", text):
            raise Unwritable(f"{text!r:.80} cannot stand in a tag of Qwen3.5's dialect")
    return f"<tool_call>\n<function={call.name}>\n{''.join(shown)}</function>\n</tool_call>"


def _text(value: Any) -> str:
    text = (
        value if isinstance(value, str) else as_text(value) if isinstance(value, (list, tuple, Mapping)) else str(value)
    )
    if _VALUE_END in text:
        raise Unwritable(f"a value holds {_VALUE_END}, which ends a value in Qwen3.5's dialect")
    return text
