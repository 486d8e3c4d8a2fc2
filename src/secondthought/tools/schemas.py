"""The description of a tool is read here: its name, what it is for, and the JSON schema of its parameters.

OpenAI's wrapping (`{"type": "function", "function": {...}}`) is taken off where a description comes in, and put on
where a chat template or an endpoint expects it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from secondthought.errors import TaskError

Tool: TypeAlias = Mapping[str, Any]
_TYPES = {
    "integer": "integer",
    "int": "integer",
    "number": "number",
    "float": "number",
    "boolean": "boolean",
    "bool": "boolean",
    "array": "array",
    "list": "array",
    "tuple": "array",
    "object": "object",
    "dict": "object",
    "null": "null",
    "string": "string",
    "str": "string",
}
"""Types of values by the names that JSON schemas and Python give them."""


def normalised(tool: Any) -> Tool:
    """Return a tool's description without OpenAI's wrapping.

    >>> normalised({"type": "function", "function": {"name": "now"}})
    {'name': 'now', 'description': '', 'parameters': {'type': 'object', 'properties': {}}}

    Raises:
        TaskError: it has no name, or its description or parameters are of another kind.
    """
    inner = tool.get("function", tool) if isinstance(tool, Mapping) else tool
    if not isinstance(inner, Mapping) or not isinstance(inner.get("name"), str) or not inner["name"].strip():
        raise TaskError('a tool must be {"name": TEXT, "description": TEXT, "parameters": JSON SCHEMA}')
    description = inner.get("description") or ""
    parameters = inner.get("parameters") or {"type": "object", "properties": {}}
    if not isinstance(description, str):
        raise TaskError(f"tool {inner['name']!r}: 'description' must be a text")
    if not isinstance(parameters, Mapping):
        raise TaskError(f"tool {inner['name']!r}: 'parameters' must be a JSON schema, which is an object")
    return {"name": inner["name"], "description": description, "parameters": parameters}


def wrapped(tool: Any) -> dict[str, Any]:
    """Return a tool's description in OpenAI's wrapping, as chat templates and endpoints take it."""
    return {"type": "function", "function": dict(normalised(tool))}


def types_of(tools: Sequence[Tool], name: str) -> Mapping[str, frozenset[str]]:
    """Return the types that each parameter of a tool may have; one whose schema names none is left out.

    >>> schema = {"properties": {"n": {"type": "integer"}, "x": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}
    >>> found = types_of([{"name": "f", "parameters": schema}], "f")
    >>> sorted(found["n"]), sorted(found["x"])
    (['integer'], ['null', 'string'])
    """
    for tool in map(normalised, tools):
        if tool["name"] == name:
            properties = tool["parameters"].get("properties")
            found = {
                key: _types(schema) for key, schema in (properties if isinstance(properties, Mapping) else {}).items()
            }
            return {key: types for key, types in found.items() if types}
    return {}


def _types(schema: Any) -> frozenset[str]:
    if not isinstance(schema, Mapping):
        return frozenset()
    given = schema.get("type")
    names = given if isinstance(given, list) else [given]
    own = {_TYPES[name] for name in names if isinstance(name, str) and name in _TYPES}
    others = [item for word in ("anyOf", "oneOf") if isinstance(schema.get(word), list) for item in schema[word]]
    return frozenset(own).union(
        *(_types({**item, "anyOf": None, "oneOf": None}) for item in others if isinstance(item, Mapping))
    )
