"""`secondthought tasks list|show|sample|check` shows tasks and their problems, and tests a task of your own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import Field

from secondthought import jsonl, tasks
from secondthought.cli.flags import named
from secondthought.cli.loading import current_directory, load_task
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table, write_text
from secondthought.config import Config
from secondthought.errors import RunError, TaskError
from secondthought.protocols import Task
from secondthought.runs.files import disk_errors
from secondthought.tasks.checks import run_checks
from secondthought.types import Problem, Split


class TaskListOptions(Config):
    """List the tasks that ship. A task of your own is `module:Class`, or a .jsonl file of questions and answers."""

    json_: bool = False
    """One JSON object instead of a table."""


class ShowTaskOptions(TaskListOptions):
    """Show one task: what it is, its options and presets, what guessing would score.

    Options of the task itself are set with --options.NAME VALUE.
    """

    name: str
    """A shipped task, `module:Class`, or the path of a .jsonl file of questions and answers."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the task's own."""


class SampleTaskOptions(ShowTaskOptions):
    """Show problems of a task, each with a right answer where the task knows one.

    Options of the task itself are set with --options.NAME VALUE.
    """

    split: Split = "train"
    """Which problems; the split of a problem never depends on the seed."""
    count: int = Field(3, ge=1, json_schema_extra=named("problems", also=("count",)))
    """How many."""
    seed: int = 0
    """Which of the split are drawn."""
    out: Path | None = None
    """Write a JSONL file in place of showing them: rows {"problem", "completion"} with right answers, which `train sft`
    learns from and `score` judges."""


class CheckTaskOptions(ShowTaskOptions):
    """Test a task before training on it; exit code 1 if a check fails.

    Right answers are accepted and earn more than wrong ones, problems survive a round trip through JSON, one seed gives
    the same problems twice, splits share none, and any text gets a verdict in time. --options.NAME VALUE sets options
    of the task itself.
    """

    count: int = Field(50, ge=1, json_schema_extra=named("problems", also=("count",)))
    """Problems per split; fewer where a split holds fewer."""


def list_tasks(argv: list[str], prog: str) -> None:
    """Print the shipped tasks."""
    given = parse(TaskListOptions, argv, prog)
    found = {name: tasks.describe(name).help.splitlines()[0] for name in tasks.TASKS}
    if given.json_:
        write_line({"tasks": [{"name": name, "help": text} for name, text in found.items()]})
    else:
        write_table("", ["task", "what it is"], list(found.items()))


def show(argv: list[str], prog: str) -> None:
    """Print one task's description."""
    given = parse(ShowTaskOptions, argv, prog, positional=("name",), aliases={"--task": 0})
    load_task(given.name, given.options)
    with current_directory():
        found = tasks.describe(given.name, given.options)
    if given.json_:
        write_line({**asdict(found), "options": [{**asdict(o), "default": _plain(o.default)} for o in found.options]})
        return
    write_text(f"{found.name}\n\n{found.help}\n\nchance level: {found.chance_level:.3g}")
    write_text(f"reflection request: {found.reflection_request}\n")
    write_table("options", ["option", "default", "meaning"], [(o.name, o.default, o.help) for o in found.options])
    if found.presets:
        write_table("presets", ["preset", "options"], [(name, dict(own)) for name, own in found.presets.items()])


def sample(argv: list[str], prog: str) -> None:
    """Print problems of one task."""
    given = parse(SampleTaskOptions, argv, prog, positional=("name",), aliases={"--task": 0})
    task = load_task(given.name, given.options)
    problems = task.problems(given.split, given.count, given.seed)
    if given.out is not None:
        _write_gold(given.out, task, problems)
        return
    if given.json_:
        write_line({"task": task.name, "problems": [_row(item, task.gold(item)) for item in problems]})
        return
    for item in problems:
        write_text(f"--- {item.id}")
        for tool in item.tools:
            write_text(f"tool: {json.dumps(tool, ensure_ascii=False)}")
        for message in item.messages:
            write_text(f"{message.role}: {message.content}")
        write_text(f"gold: {task.gold(item)}")


def _write_gold(out: Path, task: Task, problems: Sequence[Problem]) -> None:
    """Write problems with right answers, leaving out those of which the task knows none."""
    if out.exists():
        raise RunError(f"{out}: exists already; choose another --out")
    answers = [(problem, task.gold(problem)) for problem in problems]
    rows = [{"problem": dict(problem.data), "completion": gold} for problem, gold in answers if gold is not None]
    if not rows:
        raise TaskError(f"task {task.name}: knows no right answers, so there is nothing to write")
    with disk_errors(out):
        jsonl.write(out, rows)
    write_text(f"{out}: {len(rows)} right answers")


def check(argv: list[str], prog: str) -> int:
    """Print what the checks found; return 1 if one failed."""
    given = parse(CheckTaskOptions, argv, prog, positional=("name",), aliases={"--task": 0})
    found = run_checks(lambda: load_task(given.name, given.options), given.count)
    failed = [item.check for item in found if item.status == "failed"]
    if given.json_:
        write_line({"task": given.name, "passed": not failed, "checks": [item._asdict() for item in found]})
    else:
        write_table(given.name, ["check", "status", "detail"], found)
    return 1 if failed else 0


def _plain(default: Any) -> Any:
    """Return a default as JSON has it, or, since a user's class may have any, as Python writes it."""
    try:
        return json.loads(json.dumps(default))
    except (TypeError, ValueError):
        return repr(default)


def _row(problem: Problem, gold: str | None) -> dict[str, Any]:
    return {
        "id": problem.id,
        "data": dict(problem.data),
        "tools": [dict(tool) for tool in problem.tools],
        "messages": [{"role": item.role, "content": item.content} for item in problem.messages],
        "gold": gold,
    }
