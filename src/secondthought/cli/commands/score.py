"""`secondthought score` judges completions, streaming, in constant memory."""

from __future__ import annotations

import sys
from typing import Any

from pydantic import Field

from secondthought import jsonl
from secondthought.cli.errors import warn
from secondthought.cli.input import name_of, opened
from secondthought.cli.loading import load_task
from secondthought.cli.options import parse
from secondthought.cli.output import write_line
from secondthought.config import Config
from secondthought.errors import TaskError
from secondthought.jsonl import JsonLine
from secondthought.protocols import Task
from secondthought.tasks.scoring import ScoredRow, ScoreTotals, score_row


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


def run(argv: list[str], prog: str) -> int:
    """Judge every row; return 1 if one was bad."""
    given = parse(Options, argv, prog, positional=("task", "file"), aliases={"--task": 0})
    task = load_task(given.task, given.options)
    totals = ScoreTotals()
    with opened(given.file) as file:
        for index, line in enumerate(jsonl.parse(file)):
            totals.rows += 1
            try:
                row = _scored(task, line, index)
            except TaskError as error:
                totals.errors += 1
                warn(f"{name_of(given.file)}, line {line.number}: {error}")
                write_line({"index": index, "error": str(error)})
            else:
                totals.add(row.value)
                sys.stdout.write(row.line + "\n")
                sys.stdout.flush()
    write_line({"summary": totals.to_json()})
    return 1 if totals.errors else 0


def _scored(task: Task, line: JsonLine, index: int) -> ScoredRow:
    if line.value is None:
        raise TaskError(line.error or "")
    return score_row(task, line.value, index)
