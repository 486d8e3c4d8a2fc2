"""Files of rows: JSON lines or one JSON array, in several shapes, with answers and tools in files of their own.

BFCL keeps accepted values in a second file, joined by id. Seal-Tools keeps its tools in a catalogue; a request is given
the tools that it needs and a few others. ToolAlpaca keeps several requests in one row. The last two become rows of
`query`, `tools` and `answers`; of these two sets, requests whose calls cannot be stated beforehand are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secondthought.errors import TaskError
from secondthought.tasks.function_calling.readers import seal_tools, toolalpaca
from secondthought.tasks.rows.sources import PlacedRow, read_rows


@dataclass(slots=True)
class _Found:
    """`_Found` collects what the files hold while they are read."""

    rows: list[PlacedRow] = field(default_factory=list)
    answers: dict[Any, Any] = field(default_factory=dict)
    catalogue: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    left_out: int = 0


def rows_of(paths: Sequence[Path], distractors: int) -> tuple[list[PlacedRow], int]:
    """Return the rows of files, in the shapes that `readers` knows, and how many requests were left out.

    Raises:
        TaskError: a file cannot be read; the sentence names file and line.
    """
    found = _Found()
    for path in _with_answers(paths):
        for placed in read_rows(path):
            _sort(placed, found)
    rows: list[PlacedRow] = []
    for placed in found.rows:
        try:
            rows += _converted(placed, found, distractors)
        except TaskError as error:
            raise TaskError(f"{placed.place}: {error}") from None
    return rows, found.left_out


def _with_answers(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the files, and beside a file that has one its file in `possible_answer/`."""
    for path in paths:
        yield path
        beside = path.parent / "possible_answer" / path.name
        if beside.is_file() and beside not in paths:
            yield beside


def _sort(placed: PlacedRow, found: _Found) -> None:
    row = placed.row
    if "api_name" in row:
        found.catalogue[str(row["api_name"])] = row
    elif "ground_truth" in row and "id" in row and "question" not in row:
        found.answers[row["id"]] = row["ground_truth"]
    else:
        found.rows.append(placed)


def _converted(placed: PlacedRow, found: _Found, distractors: int) -> Iterator[PlacedRow]:
    row = placed.row
    converted: list[Mapping[str, Any] | None]
    if toolalpaca.is_row(row):
        converted = list(toolalpaca.rows(row))
    elif seal_tools.is_row(row):
        converted = [seal_tools.row_of(row, found.catalogue, distractors)]
    elif "question" in row and "ground_truth" not in row and row.get("id") in found.answers:
        converted = [{**row, "ground_truth": found.answers[row["id"]]}]
    else:
        converted = [row]
    for item in converted:
        if item is None:
            found.left_out += 1
        else:
            yield PlacedRow(placed.place, item)
