"""Rows of the Berkeley Function Calling Leaderboard: `question`, `function` and `ground_truth` with accepted values.

`ground_truth` is a list of calls, `[{name: {argument: [accepted values]}}]`, where an empty text among the values says
that the argument may be left out. An empty list says that no call is wanted, and the word `any` that any call will
do; where the field is missing, an `id` with "irrelevance" or "relevance" in it says so, as in the leaderboard's files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from secondthought.errors import TaskError, shown
from secondthought.tasks.function_calling.readers import fields
from secondthought.tasks.function_calling.readers.shape import Rename, Shape
from secondthought.tasks.function_calling.signatures import Signature
from secondthought.tasks.function_calling.wanted import Wanted, accepted_call
from secondthought.text import whole
from secondthought.types import Message, Role

ANY_CALL = "any"
_ROLES: tuple[Role, ...] = get_args(Role)


def _read(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "question": [_message(item) for item in _conversation(row)],
        "function": fields.tools_of(row, "function"),
        "ground_truth": _ground_truth(row),
    }


def _conversation(row: Mapping[str, Any]) -> list[Any]:
    """Return the messages of the row's one turn."""
    if "question" not in row:
        raise TaskError(f"{fields.TASK} problem: field 'question' is missing")
    value = row["question"]
    if isinstance(value, str):
        value = (
            fields.value_of(row, "question") if value.lstrip().startswith("[") else [{"role": "user", "content": value}]
        )
    if isinstance(value, list) and value and all(isinstance(turn, list) for turn in value):
        if len(value) > 1:
            raise TaskError(f"{fields.TASK} problem: 'question' has {len(value)} turns; rows of one turn are judged")
        value = value[0]
    if not isinstance(value, list) or not value:
        raise TaskError(f"{fields.TASK} problem: 'question' must be a list of messages, not {shown(row['question'])}")
    return value


def _message(item: Any) -> dict[str, str]:
    if not isinstance(item, Mapping) or item.get("role") not in _ROLES or not isinstance(item.get("content"), str):
        raise TaskError(
            f"{fields.TASK} problem: each message of 'question' needs a role ({', '.join(_ROLES)}) and a content, not"
            f" {shown(item)}"
        )
    return {"role": item["role"], "content": whole(item["content"])}


def _ground_truth(row: Mapping[str, Any]) -> Any:
    if "ground_truth" not in row:
        category = str(row.get("id", ""))
        if "irrelevance" in category:
            return []
        if "relevance" in category:
            return ANY_CALL
        raise TaskError(f"{fields.TASK} problem: field 'ground_truth' is missing; write [] where no call is wanted")
    if row["ground_truth"] == ANY_CALL:
        return ANY_CALL
    value = fields.value_of(row, "ground_truth")
    listed = [value] if isinstance(value, Mapping) and value else value
    if not isinstance(listed, list):
        raise TaskError(f"{fields.TASK} problem: 'ground_truth' must be a list of calls, not {shown(value)}")
    return [_accepted(item) for item in listed]


def _accepted(item: Any) -> dict[str, Any]:
    if not isinstance(item, Mapping) or len(item) != 1 or not isinstance(next(iter(item.values())), Mapping):
        raise TaskError(
            f"{fields.TASK} problem: each of 'ground_truth' must be {{name: {{argument: [accepted values]}}}}, not"
            f" {shown(item)}"
        )
    return dict(item)


def _messages(data: Mapping[str, Any]) -> tuple[Message, ...]:
    return tuple(Message(role=item["role"], content=item["content"]) for item in data["question"])


def _tools(data: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    tools: Sequence[Mapping[str, Any]] = data["function"]
    return tools


def _wanted(data: Mapping[str, Any], signatures: Mapping[str, Signature], rename: Rename) -> Wanted:
    if data["ground_truth"] == ANY_CALL:
        return Wanted(signatures, (), any_call=True)
    calls = (
        accepted_call(rename(name), arguments, signatures)
        for item in data["ground_truth"]
        for name, arguments in item.items()
    )
    return Wanted(signatures, tuple(calls))


SHAPE = Shape(
    name="bfcl",
    fields=("question", "function", "ground_truth"),
    mode="strict",
    read=_read,
    messages=_messages,
    tools=_tools,
    wanted=_wanted,
)
