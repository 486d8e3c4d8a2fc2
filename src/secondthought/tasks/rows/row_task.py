"""A `RowTask` is a task whose problems are the rows of a data set: one file says what a row asks and what is right."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

from secondthought.errors import TaskError
from secondthought.rng import key
from secondthought.tasks import reflection_prompts
from secondthought.tasks.rows.pool import ProblemPool, RowOptions, read_pool, spelled
from secondthought.types import Message, Problem, Split, Verdict

OptionsT = TypeVar("OptionsT", bound=RowOptions)


class RowTask(ABC, Generic[OptionsT]):
    """The base of tasks of rows: a subclass reads one row, judges one completion, and knows a right one.

    Rows are read when the first problem is wanted; those of files that are named, when the task is made, so that a file
    that cannot be read is told at once.
    """

    name: ClassVar[str]
    options_type: ClassVar[type[Any]]
    source: ClassVar[str]
    """Where the rows are to be had, as a sentence goes on after "give"."""
    reflection_request = reflection_prompts.GENERAL
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def __init__(self, **given: Any) -> None:
        self.options: OptionsT = self.options_type.read(self.name, given)
        if any(not source.startswith("hub:") for source in (*self.options.files, *self.options.test_files)):
            _ = self.pool

    @abstractmethod
    def problem_of(self, row: Mapping[str, Any]) -> Problem | None:
        """Read a row; None where it is well-formed and no problem of this task.

        Raises:
            TaskError: a field is missing or wrong; the sentence names it.
        """

    @abstractmethod
    def verify(self, problem: Problem, text: str) -> Verdict:
        """Judge one completion (`Task.verify`)."""

    @abstractmethod
    def gold(self, problem: Problem) -> str | None:
        """Return a completion that `verify` accepts (`Task.gold`)."""

    @cached_property
    def pool(self) -> ProblemPool:
        """Return all problems, by split."""
        if not (self.options.files or self.options.test_files):
            raise TaskError(f"task {self.name}: holds no rows of its own; give {self.source}")
        return read_pool(self.options, self.problem_of)

    @property
    def repeated(self) -> int:
        """Count the rows that were left out because their question was there."""
        return self.pool.repeated + self.pool.contradicted

    def held(self, split: Split) -> int:
        """Return how many problems a split holds."""
        return len(self.pool.splits[split])

    def problems(self, split: Split, count: int, seed: int) -> list[Problem]:
        """Draw `count` distinct problems of a split."""
        return self.pool.draw(split, count, self.name, seed)

    def parse(self, data: Mapping[str, Any]) -> Problem:
        """Read a problem from a row, as the data set holds it."""
        problem = self.problem_of(data)
        if problem is None:
            raise TaskError(f"{self.name} problem: the row is no problem of this task")
        return problem

    def asking(self, content: str, data: Mapping[str, Any], *identity: str) -> Problem:
        """Return the problem that asks `content`; `identity` is what makes two rows one problem."""
        return Problem(
            id=f"{self.name}:{key(self.name, *map(spelled, identity)):016x}",
            task=self.name,
            messages=(Message(role="user", content=content),),
            data=data,
        )
