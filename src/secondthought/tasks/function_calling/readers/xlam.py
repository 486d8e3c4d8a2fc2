"""Rows of xLAM and APIGen: `query`, `tools` and `answers`, as JSON or as JSON in texts; each call is stated outright.

An empty list of answers says that no call is wanted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from secondthought.errors import TaskError, shown
from secondthought.tasks import options
from secondthought.tasks.function_calling.readers import fields
from secondthought.tasks.function_calling.readers.shape import Rename, Shape
from secondthought.tasks.function_calling.signatures import Signature
from secondthought.tasks.function_calling.wanted import Wanted, plain_call
from secondthought.types import Message


def _read(row: Mapping[str, Any]) -> dict[str, Any]:
    query = options.string(row, "query", fields.TASK)
    if not query.strip():
        raise TaskError(f"{fields.TASK} problem: 'query' is empty")
    answers = fields.value_of(row, "answers")
    listed = [answers] if isinstance(answers, Mapping) and "name" in answers else answers
    if not isinstance(listed, list):
        raise TaskError(f"{fields.TASK} problem: 'answers' must be a list of calls, not {shown(answers)}")
    calls = [fields.named_arguments(item, "answers") for item in listed]
    return {
        "query": query,
        "tools": fields.tools_of(row, "tools"),
        "answers": [{"name": name, "arguments": arguments} for name, arguments in calls],
    }


def _messages(data: Mapping[str, Any]) -> tuple[Message, ...]:
    return (Message(role="user", content=data["query"]),)


def _tools(data: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    tools: Sequence[Mapping[str, Any]] = data["tools"]
    return tools


def _wanted(data: Mapping[str, Any], signatures: Mapping[str, Signature], rename: Rename) -> Wanted:
    calls = (plain_call(rename(item["name"]), item["arguments"], signatures) for item in data["answers"])
    return Wanted(signatures, tuple(calls))


SHAPE = Shape(
    name="xlam",
    fields=("query", "tools", "answers"),
    mode="exact",
    read=_read,
    messages=_messages,
    tools=_tools,
    wanted=_wanted,
)
