"""A command of one's own as a check: it reads a completion on stdin, and its exit code says whether that is right."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from typing import IO, Any, ClassVar

from pydantic import Field

from secondthought.errors import TaskError
from secondthought.tasks import options
from secondthought.tasks.rows.pool import RowOptions
from secondthought.tasks.rows.row_task import RowTask
from secondthought.tasks.verdicts import right, wrong
from secondthought.types import Problem, Verdict

PROBLEM_VARIABLE = "SECONDTHOUGHT_PROBLEM"
"""The environment variable that holds the problem's row, as JSON."""
_HIDDEN = re.compile("KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
"""Variables of the environment that the command does not get: what it prints is told to models."""
_LONGEST_ROW = 100_000
"""Characters of a row, in JSON: an environment holds no longer ones everywhere."""
_TOLD = 2_000
"""Bytes of the command's output that are read: the last ones, where most programs say what went wrong."""


class CommandOptions(RowOptions):
    """`CommandOptions` say which command judges, and where the questions lie."""

    command: str
    """The command and its arguments, as a shell would split them; no shell is asked. It runs with your rights."""
    seconds: float = Field(10.0, gt=0, le=3600)
    """Longest that it may take by the clock; a completion on which it takes longer is wrong."""


class CommandTask(RowTask[CommandOptions]):
    """Answer so that a command of your own exits with 0: `command:pytest -q`.

    A row is `{"question"}` and whatever else the command needs. The command reads the completion on stdin and the row,
    as JSON, in the variable SECONDTHOUGHT_PROBLEM; what it prints is the feedback. A model's text reaches it as data:
    what the command does with it is your care. Variables that are named like keys and passwords are kept from it.
    """

    name: ClassVar[str] = "command"
    options_type = CommandOptions
    source = "files of rows with 'question'"

    def __init__(self, **given: Any) -> None:
        read = CommandOptions.read(self.name, given)
        try:
            self._words = shlex.split(read.command)
        except ValueError as error:
            raise TaskError(f"task {self.name}: option command: {error}") from None
        if not self._words or shutil.which(self._words[0]) is None:
            program = self._words[0] if self._words else ""
            raise TaskError(f"task {self.name}: option command: there is no program {program!r} that can be run")
        super().__init__(**given)

    def problem_of(self, row: Mapping[str, Any]) -> Problem:
        """Read a row."""
        question = options.string(row, "question", self.name)
        written = json.dumps(dict(row), sort_keys=True)
        if len(written) > _LONGEST_ROW or "\0" in question:
            raise TaskError(
                f"{self.name} problem: the row is longer than {_LONGEST_ROW} characters, or holds a zero byte"
            )
        return self.asking(question, dict(row), written)

    def verify(self, problem: Problem, text: str) -> Verdict:
        """Run the command on a completion.

        Raises:
            TaskError: the command cannot be begun.
        """
        kept = {name: value for name, value in os.environ.items() if not _HIDDEN.search(name)}
        environment = {**kept, PROBLEM_VARIABLE: json.dumps(dict(problem.data))}
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as told:
            told.write(text.encode("utf-8", "replace"))
            told.seek(0)
            code = self._exit_code(environment, told, said)
            feedback = _end_of(said)
        if code is None:
            return wrong("too_slow", f"The check took longer than {self.options.seconds:g} s.")
        return right() if code == 0 else wrong("refused", feedback or f"The check ended with exit code {code}.")

    def gold(self, problem: Problem) -> str | None:
        """Return None: only the command knows what is right."""
        return None

    def _exit_code(self, environment: Mapping[str, str], told: IO[bytes], said: IO[bytes]) -> int | None:
        """Return the command's exit code, or None where time was over; whatever it began is ended with it."""
        try:
            process = subprocess.Popen(
                self._words, env=environment, stdin=told, stdout=said, stderr=said, start_new_session=True
            )
        except OSError as error:
            raise TaskError(f"task {self.name}: {self._words[0]} cannot be run: {error.strerror}") from None
        try:
            return process.wait(self.options.seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _end_of(said: IO[bytes]) -> str:
    size = said.seek(0, os.SEEK_END)
    said.seek(max(0, size - _TOLD))
    return said.read().decode("utf-8", "replace").strip()
