"""The dialects in which models write calls: a module each, and one table of them.

A dialect has a mark that tells it apart in a text, a function that writes calls, and one that reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from secondthought.tools.calls import Call
from secondthought.tools.dialects import (
    bare,
    function_gemma,
    function_tags,
    llama3,
    mistral,
    python_calls,
    tool_call_tags,
    tool_call_token,
)
from secondthought.tools.schemas import Tool

Write: TypeAlias = Callable[[Sequence[Call]], str]
Read: TypeAlias = Callable[[str, Sequence[Tool]], Iterator[Call]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """A `Dialect` is one way to write calls.

    `mark` is a pattern of what begins a call; empty where nothing but the call itself tells. `read` takes a whole
    answer and yields its calls until one cannot be read (`Unreadable`).
    """

    mark: str
    write: Write
    read: Read
    models: str


DIALECTS: Mapping[str, Dialect] = {
    "tool_call": Dialect(
        tool_call_tags.MARK, tool_call_tags.write, tool_call_tags.read, "Qwen2.5, Qwen3, Granite 4, SmolLM2, SmolLM3"
    ),
    "qwen3.5": Dialect(function_tags.MARK, function_tags.write, function_tags.read, "Qwen3.5, Qwen3-Coder"),
    "llama3": Dialect(llama3.MARK, llama3.write, llama3.read, "Llama 3.x"),
    "phi4": Dialect(tool_call_token.MARK, tool_call_token.write_phi, tool_call_token.read, "Phi-4-mini"),
    "mistral": Dialect(mistral.MARK, mistral.write, mistral.read, "Mistral"),
    "mistral-named": Dialect(mistral.MARK, mistral.write_named, mistral.read, "newer Mistral models"),
    "granite3": Dialect(tool_call_token.MARK, tool_call_token.write_granite, tool_call_token.read, "Granite 3"),
    "functiongemma": Dialect(function_gemma.MARK, function_gemma.write, function_gemma.read, "FunctionGemma"),
    "python": Dialect("", python_calls.write, bare.read, "models that are asked for Python syntax, as by BFCL"),
    "json": Dialect("", bare.write, bare.read, "any model that answers in bare or fenced JSON"),
}
"""Every dialect by its name."""
