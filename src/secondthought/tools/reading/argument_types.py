"""The types of arguments, where a dialect writes all of them as text: a tool's JSON schema says what each text becomes.

| the schema says | the text becomes |
|---|---|
| `string` alone | itself |
| other types, with or without `string` | the JSON that it reads as, if that has one of the types |
| other types without `string` | the JSON that it reads as, of whatever type |
| nothing, or there is no such tool or argument | the JSON that it reads as |

All else stays text. `True`, `False` and `None` read as JSON does: so templates write them. Types are also taken from
`anyOf` and `oneOf`, and from the values of `enum` and `const`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from secondthought.tools.reading.broken import BrokenCallError
from secondthought.tools.reading.json_values import value_of
from secondthought.tools.wrapping import unwrapped

_WORDS = {"True": True, "False": False, "None": None}
_NAMES = {
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("number",),
    str: ("string",),
    list: ("array",),
    dict: ("object",),
    type(None): ("null",),
}
"""The names that a JSON schema has for the type of a value."""
_KNOWN = frozenset(name for names in _NAMES.values() for name in names)
_MAX_DEPTH = 8
"""Alternatives inside of each other that are looked at."""


def schemas_of(tools: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """Return the schemas of a tool's parameters by name; none where there is no such tool, or it declares none.

    >>> schemas_of([{"name": "f", "parameters": {"properties": {"a": {"type": "string"}}}}], "f")
    {'a': {'type': 'string'}}
    """
    for tool in tools:
        inner = unwrapped(tool) if isinstance(tool, Mapping) else {}
        if inner.get("name") == name:
            parameters = inner.get("parameters")
            properties = parameters.get("properties") if isinstance(parameters, Mapping) else None
            return properties if isinstance(properties, Mapping) else {}
    return {}


def typed(text: str, schema: Any) -> Any:
    """Return what an argument's text becomes under its schema.

    >>> typed("5", {"type": "string"}), typed("5", {"type": "integer"}), typed("5", None), typed("five", None)
    ('5', 5, 5, 'five')
    """
    names = frozenset(_names(schema, 0))
    if names == {"string"}:
        return text
    try:
        value = _WORDS[text.strip()] if text.strip() in _WORDS else value_of(text)
    except BrokenCallError:
        return text
    fits = not names or "string" not in names or not names.isdisjoint(_NAMES[type(value)])
    return value if fits else text


def _names(schema: Any, depth: int) -> Iterator[str]:
    """Yield the types that a schema names, and those of the values that it lists."""
    if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
        return
    given = schema.get("type")
    yield from (name for name in _listed(given) if isinstance(name, str) and name in _KNOWN)
    if given is None:
        constant = [schema["const"]] if "const" in schema else []
        for value in (*constant, *_listed(schema.get("enum"))):
            yield from _NAMES.get(type(value), ())
    for word in ("anyOf", "oneOf"):
        for alternative in _listed(schema.get(word)):
            yield from _names(alternative, depth + 1)


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else () if value is None else (value,)
