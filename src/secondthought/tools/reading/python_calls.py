"""Calls in Python's syntax, `[name(key=value), ...]`: the syntax is parsed, values must be literals, nothing is run."""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

from secondthought.tools.calls import Call, CallReading
from secondthought.tools.reading.broken import MAX_CALLS, MAX_DEPTH, TOO_DEEP, BrokenCallError, finite, unique
from secondthought.tools.reading.python_nesting import require_shallow

_MAX_CHARS = 20_000
_MAX_BITS = 14_000
"""Integers of more bits are refused, since Python does not write them in digits."""
BROKEN = "the Python call is broken"
_LANGUAGES = ("python", "tool_code", "py", "")
_FENCED = re.compile(r"```([a-z_]*)[ \t]*\n(.{0,20000}?)```", re.DOTALL)
_CALL = re.compile(r"\[\s*[A-Za-z_][\w.]*\(|[A-Za-z_][\w.]*\(.*\)\Z", re.DOTALL)
"""The beginning of a list of calls, or one call from its name to its last bracket."""
_MAX_LINES = 64
_WORDS = {"true": True, "false": False, "null": None}


def begins_call(text: str) -> bool:
    """Tell whether a text begins as a list of calls does, or is one call from its name to its last bracket."""
    return _CALL.match(text) is not None


def alone(text: str) -> CallReading | None:
    """Read a text that is one call or a list of calls and nothing else; None if it is not."""
    if len(text) > _MAX_CHARS or not _CALL.match(text):
        return None
    try:
        return CallReading(calls_in(text))
    except BrokenCallError:
        return None


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
    found = _parsed(body)
    nodes = found.elts if isinstance(found, (ast.List, ast.Tuple)) else [found]
    if not nodes or len(nodes) > MAX_CALLS:
        raise BrokenCallError(BROKEN)
    return tuple(_call(node) for node in nodes)


def _parsed(body: str) -> ast.expr:
    """Return the syntax of a body that is short and shallow enough for the parser, which recurses."""
    if len(body) > _MAX_CHARS:
        raise BrokenCallError(BROKEN)
    require_shallow(body)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in a text is the model's affair
            return ast.parse(body, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise BrokenCallError(BROKEN) from None


def _call(node: ast.expr) -> Call:
    if not isinstance(node, ast.Call):
        raise BrokenCallError(BROKEN)
    if node.args:
        raise BrokenCallError("the arguments of a call need names")
    arguments: list[tuple[str, Any]] = []
    for keyword in node.keywords:
        if keyword.arg is None:
            raise BrokenCallError(BROKEN)
        arguments.append((keyword.arg, _value(keyword.value, 0)))
    return Call(_name(node.func), unique(arguments))


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
    if depth > MAX_DEPTH:
        raise BrokenCallError(TOO_DEEP)
    match node:
        case ast.Constant(value=str() | bool() | None as value):
            return value
        case ast.Constant(value=int() | float() as value):
            return _number(value)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -_number(value)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item, depth + 1) for item in items]
        case ast.Dict(keys=keys, values=values) if all(_is_text(key) for key in keys):
            pairs = zip(keys, values, strict=True)
            return unique([(key.value, _value(item, depth + 1)) for key, item in pairs])  # type: ignore[union-attr]
        case ast.Name(id=word) if word in _WORDS:
            return _WORDS[word]
    raise BrokenCallError("a value is no literal")


def _number(value: int | float) -> int | float:
    if isinstance(value, int):
        return value if value.bit_length() <= _MAX_BITS else finite(float("inf"))
    return finite(value)


def _is_text(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
