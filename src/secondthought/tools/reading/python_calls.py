"""Calls in Python's syntax, `[name(key=value), ...]`: the syntax is parsed, values must be literals, nothing is run."""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

from secondthought.tools.calls import Call, CallReading
from secondthought.tools.reading.broken import MAX_CALLS, BrokenCallError

_MAX_CHARS, _MAX_DEPTH = 20_000, 32
BROKEN = "the Python call is broken"
_LANGUAGES = ("python", "tool_code", "py", "")
_FENCED = re.compile(r"```([a-z_]*)[ \t]*\n(.{0,20000}?)```", re.DOTALL)
_CALL = re.compile(r"\[\s*[A-Za-z_][\w.]*\(|[A-Za-z_][\w.]*\(.*\)\Z", re.DOTALL)
"""The beginning of a list of calls, or one call from its name to its last bracket."""
_MAX_LINES = 64
_WORDS = {"true": True, "false": False, "null": None}


def fenced_or_bare(text: str) -> CallReading | None:
    """Read the first fence, the whole text, or a line of it, that looks like a call or a list; None where none does."""
    fenced = _FENCED.search(text) if "```" in text else None
    whole = [fenced[2] if fenced and fenced[1] in _LANGUAGES else text]
    lines = text.split("\n", _MAX_LINES) if len(text) <= _MAX_CHARS else []
    found = (body.strip() for body in (*whole, *lines))
    body = next((body for body in found if len(body) <= _MAX_CHARS and _CALL.match(body)), None)
    return None if body is None else CallReading(calls_in(body))


def calls_in(body: str) -> tuple[Call, ...]:
    """Read a body that is one call or a list of calls.

    Raises:
        BrokenCallError: it is neither, an argument has no name, or a value is no literal.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in a text is the model's affair
            found = ast.parse(body, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise BrokenCallError(BROKEN) from None
    nodes = found.elts if isinstance(found, (ast.List, ast.Tuple)) else [found]
    if not nodes or len(nodes) > MAX_CALLS:
        raise BrokenCallError(BROKEN)
    return tuple(_call(node) for node in nodes)


def _call(node: ast.expr) -> Call:
    if not isinstance(node, ast.Call):
        raise BrokenCallError(BROKEN)
    if node.args:
        raise BrokenCallError("the arguments of a call need names")
    arguments = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            raise BrokenCallError(BROKEN)
        arguments[keyword.arg] = _value(keyword.value, 0)
    return Call(_name(node.func), arguments)


def _name(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise BrokenCallError(BROKEN)
    return ".".join(reversed([*parts, node.id]))


def _value(node: ast.expr, depth: int) -> Any:
    """Return the JSON value of a literal; a tuple is a list, and the words that JSON has are read as its values."""
    if depth > _MAX_DEPTH:
        raise BrokenCallError("a value is nested too deeply")
    match node:
        case ast.Constant(value=str() | bool() | int() | float() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item, depth + 1) for item in items]
        case ast.Dict(keys=keys, values=values) if all(_is_text(key) for key in keys):
            return {key.value: _value(item, depth + 1) for key, item in zip(keys, values, strict=True)}  # type: ignore[union-attr]
        case ast.Name(id=word) if word in _WORDS:
            return _WORDS[word]
    raise BrokenCallError("a value is no literal")


def _is_text(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
