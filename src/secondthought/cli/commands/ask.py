"""`secondthought ask` answers one question, with a second thought where the first try fails."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from secondthought.cli.asking import ServedModels, endpoints_of
from secondthought.cli.flags import Aliases
from secondthought.cli.loading import FIXED_BY_PLACE, load_task, loader
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_text
from secondthought.cli.progress import ProgressFlags, progress
from secondthought.cli.wording import AskedEpisode, WordingFlags, worded
from secondthought.config import ModelConfig
from secondthought.config.values import Threads
from secondthought.disk import read_text, why_unread
from secondthought.errors import ConfigError, RunError, TaskError
from secondthought.protocols import Task
from secondthought.types import Problem, TurnKind

if TYPE_CHECKING:
    from secondthought.serve.ask.answering import Answered, Shown

FAILED = 1
"""Exit code where there was a check and no try passed it."""


class Options(ProgressFlags, ServedModels, WordingFlags):
    """Ask a model a question; a try that fails its check is reflected on and tried again.

    The check is a JSON schema, a command, a Python test, or a task's own. Without one the model reflects on every first
    answer, and --calibration says which of both to believe. PATH is a checkpoint directory, a GGUF file, a hub id, a
    shipped model's name, or `URL#NAME` for a model that is served. Exit code 1: no try passed the check.
    """

    path: str
    """The model."""
    question: str = ""
    """The question; - reads it from stdin."""
    schema_: Path | None = Field(None, json_schema_extra={"flag": "schema", "also": []})
    """Check: the answer must be JSON that fits this schema, a JSON file."""
    command: str | None = None
    """Check: a command that reads the answer on stdin, and exits with 0 where it is right."""
    test: Path | None = None
    """Check: a Python file that raises where the answer's code is wrong; both run without files and network."""
    task: str | None = None
    """Check: that of a task; --data is the problem, or --problem takes one of its test split."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the task's own."""
    data: str | None = None
    """With --task: the problem's row, as JSON."""
    problem: int | None = Field(None, ge=0)
    """With --task: the problem of that number among those of the test split."""
    tries: int = Field(2, ge=1)
    """Most tries; 2 is try, reflection, retry."""
    calibration: Path | None = None
    """A file of `secondthought calibrate`, by which to choose between answers that nothing checks."""
    seed: int = 0
    """What is sampled."""
    answer_only: bool = False
    """Print the answer and nothing else."""
    threads: Threads | None = None
    """CPU threads of torch; default: all cores."""
    json_: bool = False
    """One JSON object with all turns."""
    dry_run: bool = False
    """Print the resolved options as JSON and stop."""
    model: ModelConfig = ModelConfig()
    episode: AskedEpisode = AskedEpisode()


_SHORT: Aliases = {"--model": 0, "--temperature": "--episode.temperature"}
_CHECKS = ("schema_", "command", "test", "task")


def run(argv: list[str], prog: str) -> None:
    """Answer the question and show all turns."""
    given = parse(Options, argv, prog, positional=("path", "question"), fixed=FIXED_BY_PLACE, aliases=_SHORT)
    _check(given, prog)
    endpoints = endpoints_of([given.path], given, prog)
    is_checked = any(getattr(given, name) is not None for name in _CHECKS)
    episode = worded(given, given.episode, is_checked=is_checked, prog=prog)
    if given.dry_run:
        write_line(given.model_dump(mode="json"))
        return
    task, problem = _asked(given)
    with progress(given, writes_lines=not (given.json_ or given.answer_only)) as shown:
        from secondthought.rollout.player import Keys, Player
        from secondthought.serve.ask import rule
        from secondthought.serve.ask.answering import answer

        calibration = None if given.calibration is None else rule.read(given.calibration)
        policy = loader(given.model, endpoints, given.threads, shown)(given.path)
        if calibration is not None:
            calibration.require_same({"model": policy.name, "episode": episode.model_dump(mode="json")})
        player = Player.resolve(policy, task, episode, onlooker=shown)
        keys = Keys(seed=given.seed, phase="ask")
        show = _silent if given.json_ or given.answer_only else _show
        found = answer(player, problem, keys, tries=given.tries, calibration=calibration, show=show)
    if given.json_:
        write_line(found.to_json())
    elif given.answer_only:
        write_text(found.text)
    else:
        _close(found)
    if found.passed is False:
        raise SystemExit(FAILED)


def _check(given: Options, prog: str) -> None:
    """Refuse flags that contradict each other, or do nothing."""
    checks = [f"--{name.strip('_')}" for name in _CHECKS if getattr(given, name) is not None]
    if len(checks) > 1:
        raise ConfigError(f"{prog}: {' and '.join(checks)} both check the answer; give one")
    if given.task is None:
        if not given.question.strip():
            raise ConfigError(f'{prog}: there is no question; give it after the model, as in ask small "1 + 1?"')
        idle = [name for name in ("data", "problem") if getattr(given, name) is not None] + [*given.options][:1]
        if idle:
            raise ConfigError(f"{prog}: --{idle[0]} goes with --task")
    elif (given.data is None) == (given.problem is None) or given.question:
        raise ConfigError(f"{prog}: --task takes its problem from --data or from --problem, one of them; no question")
    if given.calibration is not None and checks:
        raise ConfigError(f"{prog}: --calibration chooses between answers that nothing checks; leave out {checks[0]}")
    if given.calibration is not None and given.tries != 2:
        raise ConfigError(f"{prog}: --calibration is of two tries; leave out --tries")


def _asked(given: Options) -> tuple[Task, Problem]:
    """Return the question as a problem of the task that checks it."""
    if given.task is not None:
        return _of_task(load_task(given.task, given.options), given)
    question = sys.stdin.read() if given.question == "-" else given.question
    if not question.strip():
        raise ConfigError("stdin holds no question; give one after the model, or write it there")
    if given.schema_ is not None:
        form = {"type": "json_schema", "json_schema": {"schema": _schema(given.schema_)}}
        messages = [{"role": "user", "content": question}]
        return _parsed(load_task("chat_request"), {"messages": messages, "response_format": form})
    if given.command is not None:
        return _parsed(load_task(f"command:{given.command}"), {"question": question})
    if given.test is not None:
        row = {"question": question, "function": "", "tests": [_text(given.test)]}
        return _parsed(load_task("python_code"), row)
    from secondthought.serve.ask.question import OpenQuestion

    return _parsed(OpenQuestion(), {"question": question})


def _of_task(task: Task, given: Options) -> tuple[Task, Problem]:
    if given.problem is not None:
        return task, task.problems("test", given.problem + 1, 0)[given.problem]
    try:
        data = json.loads(given.data or "")
    except ValueError as error:
        raise ConfigError(f"--data is no JSON: {error}") from None
    if not isinstance(data, dict):
        raise ConfigError("--data must be a JSON object: a row of the task")
    return _parsed(task, data)


def _parsed(task: Task, data: Mapping[str, Any]) -> tuple[Task, Problem]:
    return task, task.parse(data)


def _schema(path: Path) -> Any:
    try:
        return json.loads(_text(path))
    except ValueError as error:
        raise TaskError(f"{path}: is no JSON: {error}") from None


def _text(path: Path) -> str:
    try:
        return read_text(path)
    except OSError as error:
        raise RunError(why_unread(path, error)) from None
    except ValueError as error:
        raise RunError(f"{path}: {error}") from None


_TITLES = {TurnKind.ATTEMPT: "First try", TurnKind.REFLECTION: "Reflection", TurnKind.RETRY: "Another try"}


def _silent(shown: Shown) -> None:
    """Show nothing."""


def _show(shown: Shown) -> None:
    """Write a turn as it ends: what was asked where it was something new, what was said, and the verdict."""
    if shown.asked:
        write_text(_indented(shown.asked, "> "))
        write_text("")
    write_text(f"{_TITLES[shown.kind]} ({shown.tokens} tokens)")
    write_text(_indented(shown.text or "(empty)", "  "))
    if shown.verdict:
        write_text(f"  [{shown.verdict}]")
    write_text("")
    sys.stdout.flush()


def _close(found: Answered) -> None:
    write_text(textwrap.fill(found.says, _width(), break_on_hyphens=False))


def _indented(text: str, before: str) -> str:
    """Break lines at the terminal's width; in a pipe they stay as they are."""
    if not sys.stdout.isatty():
        return textwrap.indent(text, before, lambda line: True)
    room = _width() - len(before)
    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, room, break_on_hyphens=False) or [""]]
    return "\n".join(before + line for line in lines)


def _width() -> int:
    return min(110, shutil.get_terminal_size().columns) if sys.stdout.isatty() else 2000
