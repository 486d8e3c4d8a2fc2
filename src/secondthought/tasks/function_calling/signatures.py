"""The signature of a tool is what a judge must know of it: its arguments, their kinds, and which are required.

Data sets declare tools in several ways: as JSON schema, as BFCL does (`dict`, `float`, `tuple`, `any`), with Python's
names (`str`, `List[int]`, `str, optional`), and flat, without `properties`. One record holds all of them, and `shown`
writes the JSON schema that a model is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["string", "integer", "float", "boolean", "array", "tuple", "dict", "any"]

_NAMES: dict[Kind, str] = {
    "string": "string str char text byte date",
    "integer": "integer int long short bigint",
    "float": "float number double decimal",
    "boolean": "boolean bool",
    "array": "array list set arraylist queue stack sequence",
    "tuple": "tuple",
    "dict": "dict object hashmap hashtable map",
}
_KINDS: dict[str, Kind] = {name: kind for kind, names in _NAMES.items() for name in names.split()}
_SCHEMA_TYPES: dict[Kind, str] = {"float": "number", "dict": "object", "tuple": "array"}
_BRACKETS = str.maketrans("()<>", "[][]")
MAX_DEPTH = 16
"""Schemas are read to this depth: it bounds the work on a declaration that somebody nested without end."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A `Parameter` is the declared kind of a value, of a list's items, and of an object's members."""

    kind: Kind = "any"
    item: Parameter | None = None
    members: Mapping[str, Parameter] = field(default_factory=dict)


ANY = Parameter()


@dataclass(frozen=True, slots=True)
class Signature:
    """A `Signature` is a tool's name as a model is shown it, its parameters, and the names that a call must give."""

    name: str
    parameters: Mapping[str, Parameter]
    required: tuple[str, ...]


def signature(tool: Mapping[str, Any], name: str) -> Signature:
    """Read the signature of a declared tool that is shown under a name."""
    properties, required = _declared(tool)
    return Signature(name, {key: _parameter(value, 0) for key, value in properties.items()}, required)


def shown(tool: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a declared tool as the JSON schema that models are shown.

    >>> shown({"name": "f", "parameters": {"n": {"type": "int", "description": "How many."}}}, "f")["parameters"]
    {'type': 'object', 'properties': {'n': {'type': 'integer', 'description': 'How many.'}}, 'required': ['n']}
    """
    properties, required = _declared(tool)
    schema = {
        "type": "object",
        "properties": {key: _schema(value, 0) for key, value in properties.items()},
        "required": list(required),
    }
    return {"name": name, "description": str(tool.get("description") or ""), "parameters": schema}


def _declared(tool: Mapping[str, Any]) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Return the declared properties and the required names, of a schema or of flat parameters."""
    parameters = tool.get("parameters") or {}
    inner = parameters.get("properties")
    is_schema = isinstance(inner, Mapping) and not isinstance(parameters.get("type"), Mapping)
    if is_schema or parameters.get("type") in ("object", "dict"):
        properties = inner if isinstance(inner, Mapping) else {}
        named = parameters.get("required", tool.get("required"))
        required = tuple(name for name in named if isinstance(name, str)) if isinstance(named, list) else ()
        return properties, required
    named = tool.get("required")
    if isinstance(named, list):
        return parameters, tuple(name for name in named if name in parameters)
    return parameters, tuple(name for name, value in parameters.items() if not _is_optional(value))


def _is_optional(declared: Any) -> bool:
    """Tell whether a flat parameter may be left out: it has a default, or says so in its type."""
    if not isinstance(declared, Mapping):
        return False
    return "default" in declared or declared.get("required") is False or "optional" in str(declared.get("type")).lower()


def _parameter(declared: Any, depth: int) -> Parameter:
    if not isinstance(declared, Mapping) or depth > MAX_DEPTH:
        return ANY if isinstance(declared, Mapping) else Parameter(*_kind_of(declared))
    kind, item = _kind_of(declared.get("type"))
    if "items" in declared and kind in ("array", "tuple"):
        item = _parameter(declared["items"], depth + 1)
    inner = declared.get("properties")
    members = {key: _parameter(value, depth + 1) for key, value in inner.items()} if isinstance(inner, Mapping) else {}
    return Parameter(kind, item, members)


def _kind_of(declared: Any) -> tuple[Kind, Parameter | None]:
    """Return the kind that a type's name stands for, and that of its items where the name says it.

    >>> _kind_of("List[int]")[1].kind, _kind_of("str, optional")[0], _kind_of("Optional[float]")[0]
    ('integer', 'string', 'float')
    """
    if isinstance(declared, list):
        declared = next((name for name in declared if name != "null"), None)
    if not isinstance(declared, str):
        return "any", None
    text = declared.lower().translate(_BRACKETS).replace("typing.", "").strip()
    outer, bracket, inner = text.partition("[")
    outer = outer.split(",")[0].strip()
    inner = inner.rsplit("]", 1)[0] if bracket else ""
    if outer == "optional" and inner:
        return _kind_of(inner) if len(inner) < len(text) else ("any", None)
    kind = _KINDS.get(outer, "any")
    if kind == "array" and inner:
        return kind, Parameter(*_kind_of(inner))
    return kind, None


def _schema(declared: Any, depth: int) -> dict[str, Any]:
    """Return one property as JSON schema: its type in the schema's words, everything else as it was declared."""
    if not isinstance(declared, Mapping) or depth > MAX_DEPTH:
        declared = {} if isinstance(declared, Mapping) else {"type": declared}
    kind, item = _kind_of(declared.get("type"))
    schema: dict[str, Any] = {} if kind == "any" else {"type": _SCHEMA_TYPES.get(kind, kind)}
    if item is not None and item.kind != "any":
        schema["items"] = {"type": _SCHEMA_TYPES.get(item.kind, item.kind)}
    for key, value in declared.items():
        if key == "items":
            schema[key] = _schema(value, depth + 1)
        elif key == "properties" and isinstance(value, Mapping):
            schema[key] = {name: _schema(inner, depth + 1) for name, inner in value.items()}
        elif key != "type":
            schema[key] = value
    return schema
