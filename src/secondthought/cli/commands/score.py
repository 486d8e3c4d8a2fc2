"""`secondthought score` judges completions, streaming, in constant memory."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from secondthought import jsonl
from secondthought.cli.errors import warn
from secondthought.cli.input import counted, name_of, opened, say_where_from, size_of
from secondthought.cli.loading import load_task
from secondthought.cli.options import parse
from secondthought.cli.output import is_for_people
from secondthought.cli.progress import ProgressFlags, progress
from secondthought.cli.verdicts import VerdictLines, VerdictOutput, VerdictTable
from secondthought.errors import TaskError
from secondthought.jsonl import JsonLine
from secondthought.protocols import Task
from secondthought.tasks.scoring import ScoredRow, ScoreTotals, score_row


class Options(ProgressFlags):
    """Judge completions: rows {"problem": {...}, "completion": "..."} in, the same rows with their verdicts out.

    Each row gets `index` (from 0, over all non-blank lines), `correct`, `reward` and `reason`, and `feedback` where the
    task says in a sentence what is wrong; its other fields are kept. A bad row becomes {"index", "error"}, the rest is
    still done, and the exit code is 1. The last line is {"summary": {...}}. In a terminal, tables stand in their place.
    --options.NAME VALUE sets the task's options.
    """

    task: str
    """A shipped task, `module:Class`, or the path of a .jsonl file of questions and answers."""
    file: str = "-"
    """JSON lines; - is stdin."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the task's own."""
    json_: bool = False
    """JSON lines in a terminal too."""


def run(argv: list[str], prog: str) -> int:
    """Judge every row; return 1 if one was bad."""
    given = parse(Options, argv, prog, positional=("task", "file"), aliases={"--task": 0})
    task = load_task(given.task, given.options)
    table = is_for_people(given.json_)
    totals, out = ScoreTotals(), VerdictTable() if table else VerdictLines()
    say_where_from(given.file)
    with (
        opened(given.file) as file,
        progress(given, writes_lines=not table) as shown,
        shown.stage(name_of(given.file), size_of(given.file), "bytes") as stage,
    ):
        for index, line in enumerate(jsonl.parse(counted(file, stage))):
            _judge(task, line, index, given.file, totals, out)
    out.end(totals)
    return 1 if totals.errors else 0


def _judge(task: Task, line: JsonLine, index: int, file: str, totals: ScoreTotals, out: VerdictOutput) -> None:
    totals.rows += 1
    try:
        row = _scored(task, line, index)
    except TaskError as error:
        totals.errors += 1
        warn(f"{name_of(file)}, line {line.number}: {error}")
        out.bad(index, str(error))
    else:
        totals.add(row.value)
        out.row(row)


def _scored(task: Task, line: JsonLine, index: int) -> ScoredRow:
    if line.value is None:
        raise TaskError(line.error or "")
    return score_row(task, line.value, index)
