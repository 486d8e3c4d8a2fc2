"""Rows of a file are read for habits one by one: a thought each, what a detector found, and totals that run along."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from secondthought import jsonl
from secondthought.errors import SecondthoughtError, TaskError
from secondthought.habits.rates import HabitTally, Observed
from secondthought.jsonl import JsonLine
from secondthought.protocols import Detector, Task
from secondthought.tasks.judging import judge
from secondthought.tasks.scoring import field_of
from secondthought.types import Reading, Thought

OURS = ("index", "counts", "spans")
"""Fields that a row gets; its own of these names are replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRow:
    """A `TextRow` is one row of the input: a thought with what its file says of it, or what is wrong with it."""

    index: int
    number: int
    """The line's number, from 1."""
    thought: Thought
    tokens: int | None = None
    correct: bool | None = None
    kept: Mapping[str, Any] = field(default_factory=dict)
    """The row's other fields, where they go on."""
    error: str | None = None


@dataclass(slots=True)
class TextTotals:
    """`TextTotals` hold what was found in the rows that have been read."""

    detector: str
    tally: HabitTally
    rows: int = 0
    errors: int = 0
    without_problem: int = 0

    @classmethod
    def of(cls, detector: Detector) -> TextTotals:
        """Return the totals of no rows."""
        return cls(detector=detector.name, tally=HabitTally(detector.behaviors))

    def add(self, row: TextRow, reading: Reading) -> None:
        """Count what was found in a row's text."""
        words = len(row.thought.text.split())
        self.without_problem += row.thought.problem is None
        self.tally.add(Observed(counts=reading.counts, words=words, tokens=row.tokens, correct=row.correct))

    def to_json(self) -> dict[str, Any]:
        """Return the summary that ends the output of `secondthought habits`."""
        counted = {"rows": self.rows, "errors": self.errors, "detector": self.detector}
        return {**counted, **self.tally.habits().to_json()}

    def cautions(self) -> Iterator[str]:
        """Yield what makes the numbers say nothing where no row is to blame."""
        if self.rows == 0:
            yield 'holds no rows; give JSON lines with a "completion" each'
        if self.detector == "functional" and 0 < self.rows - self.errors == self.without_problem:
            yield (
                'no row has a "problem", without which the functional detector can tell nothing;'
                " --detector patterns can"
            )


def text_rows(lines: Iterable[JsonLine], task: Task | None, *, verify: bool, keep: bool = False) -> Iterator[TextRow]:
    """Yield the rows of a file; the summary line of another command is passed over.

    Args:
        lines: as `jsonl.parse` gives them.
        task: reads the problems of rows that have one.
        verify: whether the task also judges the completions; else a row's own `correct` counts.
        keep: whether the other fields of a row go on.
    """
    rows = (line for line in lines if line.value is None or set(line.value) != {"summary"})
    for index, line in enumerate(rows):
        yield _row(index, line, task, verify, keep)


def detected(
    rows: Iterator[TextRow], detector: Detector, totals: TextTotals, *, batch: int
) -> Iterator[dict[str, Any]]:
    """Yield one row out per row in, in order; each is counted in `totals` as it comes.

    Args:
        rows: the rows.
        detector: what finds the habits.
        totals: grow while rows are read.
        batch: rows to read before the detector is asked.
    """
    while chunk := list(islice(rows, batch)):
        readings = iter(detector.detect([row.thought for row in chunk if row.error is None]))
        for row in chunk:
            totals.rows += 1
            if row.error is None:
                reading = next(readings)
                totals.add(row, reading)
                yield {"index": row.index, **row.kept, "counts": dict(reading.counts), "spans": spans_json(reading)}
            else:
                totals.errors += 1
                yield {"index": row.index, "error": row.error}


def spans_json(reading: Reading) -> list[dict[str, Any]]:
    """Return the spans of a reading as JSON holds them."""
    return [
        {"behavior": span.behavior, "start": span.start, "end": span.end, "text": span.text} for span in reading.spans
    ]


def _row(index: int, line: JsonLine, task: Task | None, verify: bool, keep: bool) -> TextRow:
    try:
        return _read(index, line, task, verify, keep)
    except RecursionError:
        error = "nested too deeply"
    except SecondthoughtError as refused:
        error = str(refused)
    return TextRow(index=index, number=line.number, thought=Thought(text=""), error=error)


def _read(index: int, line: JsonLine, task: Task | None, verify: bool, keep: bool) -> TextRow:
    if line.value is None:
        raise TaskError(line.error or "")
    row = line.value
    thought = _thought(row, task)
    correct = _verdict(task, thought) if verify and task is not None else _own_verdict(row)
    kept = {name: value for name, value in row.items() if name not in OURS} if keep else {}
    jsonl.dumps(kept)  # what cannot be written again is a bad row, not the end
    return TextRow(index=index, number=line.number, thought=thought, tokens=_tokens(row), correct=correct, kept=kept)


def _thought(row: Mapping[str, Any], task: Task | None) -> Thought:
    name = "text" if "text" in row and "completion" not in row else "completion"
    if name not in row:
        raise TaskError("field 'completion' is missing, and so is 'text'")
    text = field_of(row, name, str)
    if task is None or row.get("problem") is None:
        return Thought(text=text)
    try:
        return Thought(text=text, problem=task.parse(field_of(row, "problem", dict)))
    except SecondthoughtError:
        raise
    except Exception as error:
        raise TaskError(f"task {task.name} failed with {type(error).__name__}: {error}") from error


def _verdict(task: Task, thought: Thought) -> bool:
    if thought.problem is None:
        raise TaskError("field 'problem' is missing: --task needs it to verify the completion")
    return judge(task, thought.problem, thought.text).correct


def _own_verdict(row: Mapping[str, Any]) -> bool | None:
    correct = row.get("correct")
    if correct is not None and not isinstance(correct, bool):
        raise TaskError("field 'correct' must be true or false")
    return correct


def _tokens(row: Mapping[str, Any]) -> int | None:
    """Return how many tokens the completion has: as many as it has ids, or as the row says."""
    ids, number = row.get("token_ids"), row.get("num_tokens")
    if isinstance(ids, Sequence) and not isinstance(ids, str):
        return len(ids)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise TaskError("field 'num_tokens' must be a whole number, 0 or more")
    return number
