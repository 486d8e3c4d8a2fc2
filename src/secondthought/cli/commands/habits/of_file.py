"""`secondthought habits FILE`: rows of text in, what was found in each out, then the summary; in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from secondthought import jsonl
from secondthought.cli.commands.score import _field as field_of
from secondthought.cli.errors import warn
from secondthought.errors import SecondthoughtError, TaskError
from secondthought.habits.rates import HabitTally, Observed
from secondthought.jsonl import Line
from secondthought.protocols import Detector, Task
from secondthought.types import Reading, Thought

OURS = ("index", "counts", "spans")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the input: a thought with what its file says of it, or what is wrong with it."""

    index: int
    number: int
    thought: Thought
    tokens: int | None = None
    correct: bool | None = None
    kept: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None


@dataclass(slots=True)
class Result:
    """What the last line holds, as far as the rows have been read."""

    tally: HabitTally
    detector: str
    rows: int = 0
    errors: int = 0
    without_problem: int = 0

    def to_json(self) -> dict[str, Any]:
        """The summary."""
        counted = {"rows": self.rows, "errors": self.errors, "detector": self.detector}
        return {**counted, **self.tally.habits().to_json()}


def rows_of(lines: Iterable[Line], task: Task | None, *, verify: bool, keep: bool = False) -> Iterator[Row]:
    """The rows of a file; the summary line of another command is passed over.

    Args:
        lines: as `jsonl.parse` gives them.
        task: reads the problems of rows that have one.
        verify: whether the task also judges the completions; else a row's own `correct` counts.
        keep: whether the other fields of a row go on.
    """
    index = 0
    for line in lines:
        if line.value is not None and set(line.value) == {"summary"}:
            continue
        yield _row(index, line, task, verify, keep)
        index += 1


def read(rows: Iterator[Row], detector: Detector, result: Result, *, batch: int) -> Iterator[dict[str, Any]]:
    """One row out per row in, in order; counted in `result` as they come."""
    while chunk := list(islice(rows, batch)):
        readings = iter(detector.detect([row.thought for row in chunk if row.error is None]))
        for row in chunk:
            result.rows += 1
            if row.error is None:
                yield _found(row, next(readings), result)
            else:
                result.errors += 1
                yield {"index": row.index, "error": row.error}


def complain(name: str, rows: Iterable[Row]) -> Iterator[Row]:
    """Pass rows on, and name the bad ones on stderr."""
    for row in rows:
        if row.error is not None:
            warn(f"{name}, line {row.number}: {row.error}")
        yield row


def cautions(result: Result) -> Iterator[str]:
    """What makes numbers of a file say nothing, where its rows are not to blame."""
    if result.rows == 0:
        yield 'holds no rows; give JSON lines with a "completion" each'
    read = result.rows - result.errors
    if result.detector == "functional" and 0 < read == result.without_problem:
        yield 'no row has a "problem", without which the functional detector can tell nothing; --detector patterns can'


def spans_json(reading: Reading) -> list[dict[str, Any]]:
    """The spans of a reading as JSON holds them."""
    return [
        {"behavior": span.behavior, "start": span.start, "end": span.end, "text": span.text} for span in reading.spans
    ]


def _found(row: Row, reading: Reading, result: Result) -> dict[str, Any]:
    words = len(row.thought.text.split())
    result.without_problem += row.thought.problem is None
    result.tally.add(Observed(counts=reading.counts, words=words, tokens=row.tokens, correct=row.correct))
    return {"index": row.index, **row.kept, "counts": dict(reading.counts), "spans": spans_json(reading)}


def _row(index: int, line: Line, task: Task | None, verify: bool, keep: bool) -> Row:
    try:
        if line.value is None:
            raise TaskError(line.error or "")
        row = line.value
        thought = _thought(row, task)
        correct = _verdict(task, thought) if verify and task is not None else _own_verdict(row)
        kept = {name: value for name, value in row.items() if name not in OURS} if keep else {}
        jsonl.dumps(kept)  # what cannot be written again is a bad row, not the end
        tokens = _tokens(row)
        return Row(index=index, number=line.number, thought=thought, tokens=tokens, correct=correct, kept=kept)
    except RecursionError:
        return Row(index=index, number=line.number, thought=Thought(text=""), error="nested too deeply")
    except SecondthoughtError as error:
        return Row(index=index, number=line.number, thought=Thought(text=""), error=str(error))


def _thought(row: Mapping[str, Any], task: Task | None) -> Thought:
    name = "text" if "text" in row and "completion" not in row else "completion"
    if name not in row:
        raise TaskError("field 'completion' is missing, and so is 'text'")
    text = field_of(dict(row), name, str)
    known = row.get("problem") is not None
    if task is None or not known:
        return Thought(text=text)
    try:
        return Thought(text=text, problem=task.parse(field_of(dict(row), "problem", dict)))
    except SecondthoughtError:
        raise
    except Exception as error:
        raise TaskError(f"task {task.name} failed with {type(error).__name__}: {error}") from error


def _verdict(task: Task, thought: Thought) -> bool:
    if thought.problem is None:
        raise TaskError("field 'problem' is missing: --task needs it to verify the completion")
    try:
        return task.verify(thought.problem, thought.text).correct
    except Exception as error:
        raise TaskError(f"task {task.name} failed with {type(error).__name__}: {error}") from error


def _own_verdict(row: Mapping[str, Any]) -> bool | None:
    correct = row.get("correct")
    if correct is not None and not isinstance(correct, bool):
        raise TaskError("field 'correct' must be true or false")
    return correct


def _tokens(row: Mapping[str, Any]) -> int | None:
    """How many tokens the completion has: of its ids, or as the row says."""
    ids, number = row.get("token_ids"), row.get("num_tokens")
    if isinstance(ids, Sequence) and not isinstance(ids, str):
        return len(ids)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise TaskError("field 'num_tokens' must be a whole number, 0 or more")
    return number
