"""The rows of a task as problems: each read once, equal ones counted, and every problem's split known."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from secondthought.errors import TaskError
from secondthought.rng import key
from secondthought.tasks.function_calling.files import rows_of
from secondthought.tasks.function_calling.options import FunctionCallingOptions
from secondthought.tasks.function_calling.prompts import conversation
from secondthought.tasks.function_calling.readers import shape_of
from secondthought.tasks.function_calling.shipped.requests import shipped_rows
from secondthought.tasks.function_calling.signatures import shown
from secondthought.tasks.rows.sources import PlacedRow
from secondthought.types import SPLITS, Message, Problem, Split

NAME = "function_calling"


@dataclass(frozen=True, slots=True)
class ProblemRows:
    """`ProblemRows` are the problems of each split, sorted by id."""

    problems: Mapping[Split, tuple[Problem, ...]]
    repeated: int
    """Rows that were there already."""
    left_out: int
    """Requests whose calls cannot be stated beforehand."""


def read(options: FunctionCallingOptions) -> ProblemRows:
    """Read the rows that the options name.

    Raises:
        TaskError: a row cannot be read; the sentence names file, line and field.
    """
    placed, left_out = rows_of(options.files, options.distractors) if options.files else (_shipped(), 0)
    found: dict[str, tuple[Problem, Split]] = {}
    repeated = 0
    for item in placed:
        try:
            problem = problem_of(item.row, options)
            split = _split(item.row, problem, options)
        except TaskError as error:
            raise TaskError(f"{item.place}: {error}") from None
        repeated += problem.id in found
        found.setdefault(problem.id, (problem, split))
    if not found:
        raise TaskError(f"{', '.join(map(str, options.files))}: no row holds a request that can be judged")
    ordered = [found[name] for name in sorted(found)]
    splits = {name: tuple(problem for problem, split in ordered if split == name) for name in SPLITS}
    return ProblemRows(splits, repeated, left_out)


def problem_of(row: Mapping[str, Any], options: FunctionCallingOptions) -> Problem:
    """Return a row's problem; equal content has an equal id.

    Raises:
        TaskError: the row has no known shape, or a field is missing or wrong.
    """
    shape = shape_of(row)
    data = shape.read(row)
    tools = tuple(shown(tool, shown_name(tool["name"], options)) for tool in shape.tools(data))
    return Problem(
        id=f"{NAME}:{key(NAME, json.dumps(data, sort_keys=True)):016x}",
        task=NAME,
        messages=conversation(shape.messages(data), options.think),
        data=data,
        tools=tools,
    )


def shown_name(name: str, options: FunctionCallingOptions) -> str:
    """Return a tool's name as models are shown it."""
    return name.replace(".", "_") if options.dotted_names == "underscore" else name


def _split(row: Mapping[str, Any], problem: Problem, options: FunctionCallingOptions) -> Split:
    """Return a problem's split. The hash is that of the conversation: the same request is in one split only."""
    if options.splits == "hash":
        return options.split_of(f"{NAME}:{_request(shape_of(row).messages(problem.data))}")
    own = row.get("split")
    if own not in SPLITS:
        raise TaskError(f"{NAME} problem: with splits = 'rows' the field 'split' must be one of {', '.join(SPLITS)}")
    return cast(Split, own)


def _request(messages: Iterable[Message]) -> str:
    """Return what a conversation asks; how it is spaced makes no other request."""
    return "\n".join(" ".join(said.content.split()) for said in messages if said.role != "system")


def _shipped() -> list[PlacedRow]:
    return [PlacedRow(f"shipped row {number}", row) for number, row in enumerate(shipped_rows(), start=1)]
