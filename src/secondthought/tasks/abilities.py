"""Abilities that a task may have besides those of `protocols`: what it can count, change, read or word itself.

All are optional, and asked for with `isinstance`: a task that lacks one is used without.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, runtime_checkable

from secondthought.protocols import Task
from secondthought.types import Problem, Split


@runtime_checkable
class SizedTask(Protocol):
    """A `SizedTask` holds a fixed number of problems: a file of questions."""

    def held(self, split: Split) -> int:
        """Return how many problems a split holds."""
        ...


@runtime_checkable
class ChangingTask(Protocol):
    """A `ChangingTask` makes wrong answers that are nearly right, on which its own check is tried."""

    def changed_golds(self, problem: Problem) -> Sequence[str]:
        """Return completions of the gold's form that `verify` must reject."""
        ...


@runtime_checkable
class MixedTask(Protocol):
    """A `MixedTask` has problems of several tasks, each of which words its own request for a reflection."""

    @property
    def reflection_requests(self) -> Mapping[str, str]:
        """Return the requests, by the task that a problem names."""
        ...


@runtime_checkable
class AnswerReader(Task, Protocol):
    """An `AnswerReader` is a task that can tell the answer in a completion from the words around it."""

    def answer(self, problem: Problem, text: str) -> str | None:
        """Return the answer in one form for all its spellings; None where none can be read. Total, like `verify`."""
        ...


@runtime_checkable
class MistakeReader(Task, Protocol):
    """A `MistakeReader` is a task that can tell which mistakes a reflection names."""

    def named_mistakes(self, problem: Problem, reflection: str) -> Collection[str]:
        """Return the words of `Verdict.reason` that the reflection speaks of; empty where it names no mistake."""
        ...
