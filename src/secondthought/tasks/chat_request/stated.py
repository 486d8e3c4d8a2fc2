"""What a chat request states about its answer, so that anybody can check it: a JSON schema, tools, whether to call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from secondthought.errors import TaskError, shown
from secondthought.tools.stored import tools_of

ANY_OBJECT: Mapping[str, Any] = {"type": "object"}
"""The schema of `{"type": "json_object"}`."""
FIELDS = ("messages", "tools", "tool_choice", "parallel_tool_calls", "response_format")
"""Fields of a request by which its answer is asked for and checked; others say how it is sampled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A `Stated` holds what an answer must be."""

    schema: Any = None
    """The JSON schema of what is said; None where any words will do."""
    tools: tuple[Mapping[str, Any], ...] = ()
    must_call: bool = False
    may_call: bool = True
    only: str | None = None
    """The one tool that must be called."""
    several: bool = True
    """More than one call may be made."""


def stated(request: Mapping[str, Any]) -> Stated | None:
    """Read what a request states; None where any answer will do.

    Raises:
        TaskError: a field is damaged; the sentence names it.
    """
    given = request.get("tools")
    tools = tuple(tools_of(given, "'tools'")) if given else ()
    schema = _schema(request.get("response_format"))
    if schema is None and not tools:
        return None
    must_call, may_call, only = _choice(request.get("tool_choice"), [tool["name"] for tool in tools])
    several = request.get("parallel_tool_calls") is not False
    return Stated(schema=schema, tools=tools, must_call=must_call, may_call=may_call, only=only, several=several)


def _schema(form: Any) -> Any:
    if form is None:
        return None
    if not isinstance(form, Mapping) or not isinstance(form.get("type"), str):
        raise TaskError(f"'response_format' must be an object with 'type', not {shown(form)}")
    if form["type"] == "json_object":
        return ANY_OBJECT
    if form["type"] != "json_schema":
        return None
    within = form.get("json_schema")
    schema = within.get("schema") if isinstance(within, Mapping) else None
    if not isinstance(schema, Mapping | bool):
        raise TaskError(f"'response_format': 'json_schema' must hold 'schema', a JSON schema, not {shown(schema)}")
    return schema


def _choice(choice: Any, names: list[str]) -> tuple[bool, bool, str | None]:
    """Return whether a tool must be called, whether one may be, and the only one that may."""
    if isinstance(choice, Mapping):
        function = choice.get("function")
        name = function.get("name") if isinstance(function, Mapping) else None
        if name not in names:
            raise TaskError(f"'tool_choice' names {shown(name)}, which is none of the tools: {', '.join(names)}")
        return True, True, name
    if choice not in (None, "auto", "none", "required"):
        raise TaskError(f"'tool_choice' must be 'auto', 'none', 'required' or a tool, not {shown(choice)}")
    return choice == "required", choice != "none", None
