"""A `TraceFilter` takes traces that were not written by search into a set, or leaves them out and says why.

The task verifies the completions anew. A problem of the test split is never taken, nor a trace that shows a habit that
the set forbids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from secondthought import jsonl
from secondthought.data.priming.from_search import Trace
from secondthought.disk import why_unread
from secondthought.errors import RunError, SecondthoughtError, TaskError
from secondthought.habits.detectors import reader_of
from secondthought.protocols import ReadableTask, Task
from secondthought.tasks.held_out import held_out
from secondthought.tasks.judging import judge
from secondthought.types import HABITS, Problem, Reading, Thought, TurnKind

TEST, FORBIDDEN, TOO_MANY, TWICE = "problem of the test split", "shows what the set forbids", "more than asked", "twice"
UNWANTED = {True: "right answer", False: "wrong answer"}
"""Reasons why an answer is left out where only answers of the other verdict are wanted."""


class TraceFilter:
    """A `TraceFilter` takes completions one by one until there are enough; without a count, as many as there are."""

    def __init__(
        self, task: Task, count: int | None, forbids: Iterable[str] = (), *, correct: bool | None = None
    ) -> None:
        """Say how many traces are wanted, which habits they may not show, and whether all have to be right or wrong."""
        self.task, self.count, self.forbids, self.correct = task, count, tuple(forbids), correct
        self.traces: list[Trace] = []
        self.left_out: Counter[str] = Counter()
        self._reader = reader_of(task) if isinstance(task, ReadableTask) else None
        self._seen: set[tuple[str, str]] = set()
        self._is_held_out = held_out(task)

    @property
    def is_full(self) -> bool:
        """Return True if there are as many traces as asked for."""
        return self.count is not None and len(self.traces) >= self.count

    def offer(self, problem: Problem, completion: str, attempts: int | None = None) -> bool:
        """Take a completion, or count the reason why not; return True if it was taken."""
        reason = self._reason(problem, completion)
        if reason:
            self.left_out[reason] += 1
            return False
        reading = self._read(problem, completion)
        if any(reading.counts.get(name) for name in self.forbids):
            self.left_out[FORBIDDEN] += 1
            return False
        correct = judge(self.task, problem, completion).correct
        if self.correct not in (None, correct):
            self.left_out[UNWANTED[correct]] += 1
            return False
        self._seen.add((problem.id, completion))
        self.traces.append(
            Trace(problem=problem, completion=completion, correct=correct, attempts=attempts, reading=reading)
        )
        return True

    def require(self, source: str) -> tuple[Trace, ...]:
        """Return exactly as many traces as asked for; without a count, all that were taken.

        Raises:
            RunError: there are fewer, or none.
        """
        if not (self.traces if self.count is None else self.is_full):
            why = "; ".join(f"{number} left out: {reason}" for reason, number in sorted(self.left_out.items()))
            found = "no trace" if self.count is None else f"{len(self.traces)} of {self.count} traces"
            advice = "; ask for fewer with --count" if self.traces else ""
            raise RunError(f"{source}: {found}{f' ({why})' if why else ''}{advice}")
        return tuple(self.traces)

    def _read(self, problem: Problem, completion: str) -> Reading:
        """Return what the task's reader finds; all counts are missing where the task has none."""
        if self._reader is None:
            return Reading(counts=dict.fromkeys(HABITS))
        [reading] = self._reader.detect([Thought(text=completion, problem=problem)])
        return reading

    def _reason(self, problem: Problem, completion: str) -> str:
        if self._is_held_out(problem):
            return TEST
        if (problem.id, completion) in self._seen:
            return TWICE
        return TOO_MANY if self.is_full else ""


def from_file(
    path: Path, task: Task, count: int | None, forbids: Iterable[str] = (), *, correct: bool | None = None
) -> TraceFilter:
    """Filter the traces of a file of rows {"problem": {...}, "completion": "..."}: a teacher's, or people's own.

    Rows of an evaluation do too: the first try of each is taken, such as a primed model's own. Where only right answers
    are wanted, all tries of a row are offered, as to a bare problem.

    Raises:
        TaskError: a row is wrong; the sentence names file and line.
    """
    taken = TraceFilter(task, count, forbids, correct=correct)
    for number, row in rows(path):
        data, texts = _of_evaluation(row) if "turns" in row else (row.get("problem"), [row.get("completion")])
        for text in texts if correct else texts[:1]:
            if not isinstance(text, str) or not text.strip():
                raise TaskError(f"{path}, line {number}: field 'completion' must be a text that is not empty")
            taken.offer(problem_of(data, task, path, number), text)
    return taken


def _of_evaluation(row: Mapping[str, Any]) -> tuple[Any, list[Any]]:
    """Return the problem's data and the texts of its tries, the first one first."""
    turns = row["turns"] if isinstance(row["turns"], list) and row["turns"] else [None]
    told = [turn if isinstance(turn, Mapping) else {} for turn in turns]
    tries = [turn.get("text") for turn in told[1:] if turn.get("kind") in (TurnKind.ATTEMPT, TurnKind.RETRY)]
    return row.get("data"), [told[0].get("text"), *tries]


def rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the rows of a file with their line numbers.

    Raises:
        RunError: the file cannot be read.
        TaskError: a line is no JSON object.
    """
    try:
        for line in jsonl.read(path):
            if line.value is None:
                raise TaskError(f"{path}, line {line.number}: {line.error}")
            yield line.number, line.value
    except OSError as error:
        raise RunError(f"{why_unread(path, error)}; give a file of JSON lines") from None


def problem_of(data: Any, task: Task, path: Path, number: int) -> Problem:
    """Parse the problem of a row.

    Raises:
        TaskError: the row holds no problem of the task's; the sentence names file and line.
    """
    if not isinstance(data, Mapping):
        raise TaskError(f"{path}, line {number}: field 'problem' must be the data of a {task.name} problem")
    try:
        return task.parse(data)
    except SecondthoughtError as error:
        raise TaskError(f"{path}, line {number}: {error}") from None
