"""A task judges rows {"problem": {...}, "completion": "..."}; totals of the verdicts run along."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from secondthought import jsonl
from secondthought.errors import SecondthoughtError, TaskError
from secondthought.protocols import Task
from secondthought.tasks.judging import judge

_WRITTEN = ("index", "feedback")
"""Fields of a row that are not kept: what stands there afterwards is of this judgement, or nothing."""


class ScoredRow(NamedTuple):
    """A `ScoredRow` is a row with its verdict, as an object and as the JSON line that says the same."""

    value: dict[str, Any]
    line: str


@dataclass
class ScoreTotals:
    """`ScoreTotals` count the rows of a file and their verdicts."""

    rows: int = 0
    errors: int = 0
    correct: int = 0
    reward: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, row: Mapping[str, Any]) -> None:
        """Count one judged row."""
        self.correct += row["correct"]
        self.reward += row["reward"]
        self.reasons[row["reason"]] += 1

    def to_json(self) -> dict[str, Any]:
        """Return the totals and their rates, which are over judged rows, NaN if there are none."""
        judged = self.rows - self.errors
        return {
            "rows": self.rows,
            "errors": self.errors,
            "correct": self.correct,
            "accuracy": self.correct / judged if judged else float("nan"),
            "mean_reward": self.reward / judged if judged else float("nan"),
            "reasons": dict(sorted(self.reasons.items())),
        }


def score_row(task: Task, row: Mapping[str, Any], index: int) -> ScoredRow:
    """Judge a row's completion; its other fields are kept, but for an `index` and `feedback` of its own.

    Raises:
        TaskError: a field is missing or wrong, or the task fails.
    """
    try:
        verdict = judge(task, task.parse(field_of(row, "problem", dict)), field_of(row, "completion", str))
        own = {"correct": verdict.correct, "reward": verdict.reward, "reason": verdict.reason}
        own |= {"feedback": verdict.feedback} if verdict.feedback else {}
        value = {"index": index, **{name: item for name, item in row.items() if name not in _WRITTEN}, **own}
        return ScoredRow(value, jsonl.dumps(value))
    except SecondthoughtError as error:
        raise TaskError(str(error)) from None
    except RecursionError:
        raise TaskError("nested too deeply") from None
    except Exception as error:
        raise TaskError(f"task {task.name} failed with {type(error).__name__}: {error}") from error


def field_of(row: Mapping[str, Any], name: str, kind: type) -> Any:
    """Return a field of a row.

    Raises:
        TaskError: the field is missing, or not of that kind.
    """
    if name not in row:
        raise TaskError(f"field {name!r} is missing")
    if not isinstance(row[name], kind):
        wanted = "a text" if kind is str else "a JSON object"
        raise TaskError(f"field {name!r} must be {wanted}")
    return row[name]
