"""The subject of a diagnosis: a model at a task, as the command line names both, and what the task can do.

Advice is given in commands. Each is made here, so that it names the same model, task and options, and can be typed.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from secondthought.protocols import Task, WritableTask
from secondthought.types import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A `Subject` is a model at a task."""

    model: str
    task: str
    """The task as a command takes it: a shipped name, `module:Class`, or a path."""
    options: Mapping[str, Any] = field(default_factory=dict)
    primes: bool = False
    """The task can write thoughts that show habits: there are priming sets for it."""
    has_gold: bool = True
    """The task knows right answers."""

    @classmethod
    def of(
        cls,
        task: Task,
        problems: Sequence[Problem],
        *,
        model: str,
        spec: str | None = None,
        options: Mapping[str, Any] = MappingProxyType({}),
    ) -> Subject:
        """Describe a model at a task that was loaded as `spec`, by default its name, with these options."""
        return cls(
            model=model,
            task=task.name if spec is None else spec,
            options=options,
            primes=isinstance(task, WritableTask),
            has_gold=any(task.gold(problem) is not None for problem in problems),
        )

    def train(self, algorithm: str, *words: str) -> str:
        """Return the command that trains the model on the task."""
        return self._command("train", algorithm, *self._model, *self._task, *words)

    def learn(self, data: str) -> str:
        """Return the command that fine-tunes the model on a file of completions."""
        return self._command("train", "sft", "--data", data, *self._model, *self._task)

    def prime(self, kind: str, out: str) -> str:
        """Return the command that writes a priming set."""
        return self._command("prime", kind, out, *self._task)

    def look(self, verb: str, *words: str) -> str:
        """Return a command of `tasks` about the task."""
        return self._command("tasks", verb, self.task, *self._options, *words)

    def ask(self, command: str, *words: str) -> str:
        """Return a command that asks the model: `diagnose`, `eval`, or `failures`."""
        return self._command(command, self.model, *self._task, *words)

    @property
    def _model(self) -> tuple[str, str]:
        return "--model", self.model

    @property
    def _task(self) -> tuple[str, ...]:
        return ("--task", self.task, *self._options)

    @property
    def _options(self) -> tuple[str, ...]:
        pairs = ((f"--options.{name.replace('_', '-')}", _written(value)) for name, value in self.options.items())
        return tuple(word for pair in pairs for word in pair)

    @staticmethod
    def _command(*words: str) -> str:
        return shlex.join(("secondthought", *words))


def _written(value: Any) -> str:
    """Write an option's value so that it is read back as it was: texts as they are, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
