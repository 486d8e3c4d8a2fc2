"""Readers are tasks that can read more out of a text than right or wrong: its answer, or the mistakes that it names.

Both are optional: a task that lacks one is evaluated without what it would tell.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol, runtime_checkable

from secondthought.protocols import Task
from secondthought.types import Problem


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
