"""Calls become text of a dialect, to the token as the chat templates of its models write them."""

from __future__ import annotations

import hashlib
import json
import keyword
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from secondthought.errors import TaskError
from secondthought.tools.calls import Call, Unwritable

_IN_TAG = re.compile(r"[^<>\s](?:[^<>\n]*[^<>\s])?")
_BARE = re.compile(r"[\w.\-]+")
_PARAMETER_ENDS, _ESCAPE = "</parameter>", "<escape>"


def write_calls(calls: Sequence[Call], dialect: str = "tool_call") -> str:
    r"""Return the text of an answer that makes these calls.

    >>> write_calls([Call("f", {"a": 1})])
    '<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>'
    >>> write_calls([Call("f", {"a": 1})], "python")
    '[f(a=1)]'

    Raises:
        TaskError: there is no such dialect.
        Unwritable: the dialect has no way to write one of the calls.
    """
    if dialect not in DIALECTS:
        raise TaskError(f"there is no dialect {dialect!r} of calls; there are {', '.join(DIALECTS)}")
    return DIALECTS[dialect](calls)


def write_call(call: Call) -> str:
    """Return a call as one JSON object, as most dialects hold it.

    >>> write_call(Call("f", {"a": 1}))
    '{"name": "f", "arguments": {"a": 1}}'
    """
    return _json({"name": call.name, "arguments": dict(call.arguments)})


def call_id(call: Call, place: int) -> str:
    """Return an id of nine letters and digits, as Mistral wants one: a digest of the call and its place."""
    said = _json([place, call.name, dict(call.arguments)])
    return hashlib.blake2b(said.encode("utf-8", "replace"), digest_size=8).hexdigest()[:9]


def _tool_call(calls: Sequence[Call]) -> str:
    """Write Qwen2.5's, Qwen3's, Granite 4's and SmolLM's form: tags around each call."""
    return "\n".join(f"<tool_call>\n{write_call(call)}\n</tool_call>" for call in calls)


def _qwen35(calls: Sequence[Call]) -> str:
    """Write Qwen3.5's form: a tag for each argument; texts as they are, lists and objects as JSON, others as Python."""
    return "\n".join(
        f"<tool_call>\n<function={_matching(_IN_TAG, call.name)}>\n"
        + "".join(
            f"<parameter={_matching(_IN_TAG, key)}>\n{_plain_value(value)}\n{_PARAMETER_ENDS}\n"
            for key, value in call.arguments.items()
        )
        + "</function>\n</tool_call>"
        for call in calls
    )


def _llama3(calls: Sequence[Call]) -> str:
    return "; ".join(_json({"name": call.name, "parameters": dict(call.arguments)}) for call in calls)


def _phi4(calls: Sequence[Call]) -> str:
    return f"{_granite3(calls)}<|/tool_call|>"


def _granite3(calls: Sequence[Call]) -> str:
    return f"<|tool_call|>{_list(calls)}"


def _mistral(calls: Sequence[Call]) -> str:
    items = [
        {"name": call.name, "arguments": dict(call.arguments), "id": call_id(call, place)}
        for place, call in enumerate(calls)
    ]
    return f"[TOOL_CALLS]{_json(items)}"


def _mistral_named(calls: Sequence[Call]) -> str:
    return "".join(f"[TOOL_CALLS]{_matching(_BARE, call.name)}[ARGS]{_json(dict(call.arguments))}" for call in calls)


def _functiongemma(calls: Sequence[Call]) -> str:
    return "".join(
        f"<start_function_call>call:{_matching(_BARE, call.name)}{_gemmas(dict(call.arguments))}<end_function_call>"
        for call in calls
    )


def _python(calls: Sequence[Call]) -> str:
    written = (
        ".".join(map(_identifier, call.name.split(".")))
        + "("
        + ", ".join(f"{_identifier(key)}={_literal(value)}" for key, value in call.arguments.items())
        + ")"
        for call in calls
    )
    return f"[{', '.join(written)}]"


def _list(calls: Sequence[Call]) -> str:
    return f"[{', '.join(map(write_call, calls))}]"


DIALECTS: Mapping[str, Callable[[Sequence[Call]], str]] = {
    "tool_call": _tool_call,
    "qwen3.5": _qwen35,
    "llama3": _llama3,
    "phi4": _phi4,
    "mistral": _mistral,
    "mistral-named": _mistral_named,
    "granite3": _granite3,
    "functiongemma": _functiongemma,
    "python": _python,
    "json": _list,
}
"""What writes the calls of each dialect."""


def _json(value: Any) -> str:
    """Write JSON as the `tojson` of chat templates does."""
    return json.dumps(value, ensure_ascii=False)


def _matching(pattern: re.Pattern[str], name: str) -> str:
    if not pattern.fullmatch(name):
        raise _no_name(name)
    return name


def _identifier(name: str) -> str:
    """Return a name that Python reads as this very name: no word of its grammar, and as it normalises names."""
    if not name.isidentifier() or keyword.iskeyword(name) or unicodedata.normalize("NFKC", name) != name:
        raise _no_name(name)
    return name


def _no_name(name: str) -> Unwritable:
    return Unwritable(f"{name!r:.80} cannot be the name of a tool or an argument in this dialect")


def _plain_value(value: Any) -> str:
    text = value if isinstance(value, str) else _json(value) if isinstance(value, (list, Mapping)) else str(value)
    if _PARAMETER_ENDS in text:
        raise Unwritable(f"a value holds {_PARAMETER_ENDS}, which ends a value in this dialect")
    return text


def _gemmas(value: Any) -> str:
    """Write a value between FunctionGemma's signs: texts between two `<escape>`, names of members bare."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_matching(_BARE, key)}:{_gemmas(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_gemmas, value)) + "]"
    if isinstance(value, str) and _ESCAPE in value:
        raise Unwritable(f"a text holds {_ESCAPE}, which ends a text in this dialect")
    return f"{_ESCAPE}{value}{_ESCAPE}" if isinstance(value, str) else _json(value)


def _literal(value: Any) -> str:
    """Write a JSON value as a Python literal."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(item)}" for key, item in value.items()) + "}"
    return "[" + ", ".join(map(_literal, value)) + "]" if isinstance(value, list) else repr(value)
