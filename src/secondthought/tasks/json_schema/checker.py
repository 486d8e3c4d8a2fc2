"""A `SchemaChecker` holds values against JSON schemas, in a process whose time is limited for each value."""

from __future__ import annotations

import json
from typing import Any

from secondthought.tasks import extract
from secondthought.tasks.bounded.calls import BoundedCalls, Exceeded
from secondthought.tasks.fences import last_fenced
from secondthought.tools.reading.broken import BrokenCallError
from secondthought.tools.reading.json_values import value_of

LONGEST = 1_000_000
"""Characters of a completion that is read; a longer one is malformed."""
SECONDS = 1.0
"""Processor time of one validation: a schema's patterns may take any time on hostile text."""
_REMEMBERED = 256
VALIDATE = "secondthought.tasks.json_schema.validation:fault"
CHECK_SCHEMA = "secondthought.tasks.json_schema.validation:schema_fault"


class SchemaChecker:
    """A `SchemaChecker` tells what is wrong with a value or a schema; its processes begin with the first of each."""

    def __init__(self) -> None:
        self._fault = BoundedCalls(VALIDATE, seconds=SECONDS)
        self._schema_fault = BoundedCalls(CHECK_SCHEMA, seconds=SECONDS)
        self._schemas: dict[str, str | None] = {}

    def schema_fault(self, schema: Any) -> str | None:
        """Return what is wrong with a schema; None if it is one. What was said of the latest ones is remembered."""
        written = json.dumps(schema, sort_keys=True)
        if written not in self._schemas:
            if len(self._schemas) >= _REMEMBERED:
                del self._schemas[next(iter(self._schemas))]
            self._schemas[written] = _said(self._schema_fault, schema)
        return self._schemas[written]

    def fault(self, schema: Any, value: Any) -> str | None:
        """Return what is wrong with a value; None if the schema accepts it."""
        return _said(self._fault, schema, value)


def _said(ask: BoundedCalls, *arguments: Any) -> str | None:
    try:
        fault: str | None = ask(*arguments)
    except Exceeded as error:
        return f"it cannot be validated, the check {error}"
    return fault


def json_in(text: str) -> str | None:
    r"""Return the JSON that a completion gives, as it stands there: all that it says, or what is in tags or a fence.

    A text that is JSON as a whole is just that, whatever its strings hold.

    >>> json_in('Here:\n```json\n{"a": 1}\n```'), json_in('{"a": "``` {} ```"}'), json_in(" ")
    ('{"a": 1}', '{"a": "``` {} ```"}', None)
    """
    said = text.strip()
    try:
        value_of(said)
    except BrokenCallError:
        tagged = extract.tagged(text)
        body = last_fenced(text) if tagged is None else tagged
        return (text if body is None else body).strip() or None
    return said


def value_said(text: str) -> tuple[Any] | None:
    """Return the JSON value that a completion gives; None if it says nothing.

    Raises:
        BrokenCallError: what stands there begins as JSON and is none.
    """
    if len(text) > LONGEST:
        raise BrokenCallError(f"it is longer than {LONGEST} characters")
    body = json_in(text)
    return None if body is None else (value_of(body),)
