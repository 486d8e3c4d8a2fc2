"""`secondthought score`: judge completions, streaming, in constant memory."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from pydantic import Field

from secondthought import jsonl
from secondthought.cli.errors import warn
from secondthought.cli.loading import load_task
from secondthought.cli.options import parse
from secondthought.cli.output import write_line
from secondthought.config import Config
from secondthought.errors import ConfigError, SecondthoughtError, TaskError
from secondthought.protocols import Task


class Options(Config):
    """Judge completions: rows {"problem": {...}, "completion": "..."} in, the same rows with their verdicts out.

    Each row gets `index` (from 0, over all non-blank lines), `correct`, `reward` and `reason`; its other fields are
    kept. A bad row becomes {"index", "error"}, the rest is still done, and the exit code is 1. The last line is
    {"summary": {...}}. The task's options are set with --options.NAME VALUE.
    """

    task: str
    """A shipped task, `module:Class`, or the path of a .jsonl file of questions and answers."""
    file: str = "-"
    """JSON lines; - is stdin."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the task's own."""


@dataclass
class Summary:
    """Running totals."""

    rows: int = 0
    errors: int = 0
    correct: int = 0
    reward: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, row: dict[str, Any]) -> None:
        """Count one judged row."""
        self.correct += row["correct"]
        self.reward += row["reward"]
        self.reasons[row["reason"]] += 1

    def as_dict(self) -> dict[str, Any]:
        """What the last line says; rates are over judged rows, NaN if there are none."""
        judged = self.rows - self.errors
        return {
            "rows": self.rows,
            "errors": self.errors,
            "correct": self.correct,
            "accuracy": self.correct / judged if judged else float("nan"),
            "mean_reward": self.reward / judged if judged else float("nan"),
            "reasons": dict(sorted(self.reasons.items())),
        }


def run(argv: list[str], prog: str) -> int:
    """Judge every row; 1 if one was bad."""
    given = parse(Options, argv, prog, positional=("task", "file"))
    task = load_task(given.task, given.options)
    name = "stdin" if given.file == "-" else given.file
    summary = Summary()
    with _open(given.file) as file:
        for line in jsonl.parse(file):
            index, summary.rows = summary.rows, summary.rows + 1
            row, text, error = None, "", line.error
            if line.value is not None:
                row, text, error = _judged(task, line.value, index)
            if row is None:
                summary.errors += 1
                warn(f"{name}, line {line.number}: {error}")
                write_line({"index": index, "error": error})
            else:
                summary.add(row)
                sys.stdout.write(text + "\n")
                sys.stdout.flush()
    write_line({"summary": summary.as_dict()})
    return 1 if summary.errors else 0


def _judged(task: Task, row: dict[str, Any], index: int) -> tuple[dict[str, Any] | None, str, str | None]:
    """The row with its verdict, and as a line; or None and why."""
    try:
        verdict = task.verify(task.parse(_field(row, "problem", dict)), _field(row, "completion", str))
        own = {"correct": verdict.correct, "reward": verdict.reward, "reason": verdict.reason}
        judged = {"index": index, **{name: value for name, value in row.items() if name != "index"}, **own}
        return judged, jsonl.dumps(judged), None
    except SecondthoughtError as error:
        return None, "", str(error)
    except RecursionError:
        return None, "", "nested too deeply"
    except Exception as error:
        return None, "", f"task {task.name} failed with {type(error).__name__}: {error}"


def _field(row: dict[str, Any], name: str, kind: type) -> Any:
    if name not in row:
        raise TaskError(f"field {name!r} is missing")
    if not isinstance(row[name], kind):
        wanted = "a text" if kind is str else "a JSON object"
        raise TaskError(f"field {name!r} must be {wanted}")
    return row[name]


@contextmanager
def _open(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = open(file, "rb")  # noqa: SIM115 - closed below; errors while reading are not errors of opening
    except FileNotFoundError:
        raise ConfigError(f"{file}: no such file; give a path, or - for stdin") from None
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
    with stream:
        yield stream
