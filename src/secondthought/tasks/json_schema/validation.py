"""JSON is validated by `jsonschema`, in the process that `bounded.calls` begins; needs the extra `json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

try:
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.exceptions import best_match
    from referencing import Registry, Resource
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012
except ImportError:
    raise ImportError("validating JSON needs jsonschema: pip install 'secondthought[json]'") from None

_LONGEST = 200
"""Characters of a fault: it may quote all that a model wrote."""


def fault(schema: Any, value: Any) -> str | None:
    """Return what is wrong with a value, and where; None if the schema accepts it.

    A schema elsewhere that it refers to is not fetched: such a call raises.
    """
    found = best_match(Draft202012Validator(schema, registry=Registry()).iter_errors(value))
    return None if found is None else f"{found.json_path}: {found.message}"[:_LONGEST]


def schema_fault(schema: Any) -> str | None:
    """Return what is wrong with a schema; None if it is one that can judge."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"{error.json_path}: {error.message}"[:_LONGEST]
    whole = Resource.from_contents(schema, default_specification=DRAFT202012)
    resolver = Registry().with_resource("", whole).resolver()
    reference = next(_dangling(whole, resolver), None)
    if reference is not None:
        return f"the reference {reference!r} leads nowhere in it, and nothing is fetched"[:_LONGEST]
    try:
        fault(schema, None)
    except RecursionError:
        return "it refers to itself without end"
    return None


def _dangling(part: Resource[Any], resolver: Any) -> Iterator[str]:
    """Yield the references that lead nowhere."""
    found = part.contents.get("$ref") if isinstance(part.contents, Mapping) else None
    if isinstance(found, str):
        try:
            resolver.lookup(found)
        except Unresolvable:
            yield found
    for below in part.subresources():
        yield from _dangling(below, resolver.in_subresource(below))
