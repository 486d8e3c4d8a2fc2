"""The problems of a data set, dealt out to splits: each question once, none of them in two splits."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import Field

from secondthought.errors import TaskError
from secondthought.rng import stream
from secondthought.tasks.options import SplitOptions
from secondthought.tasks.rows.sources import PlacedRow, read_rows
from secondthought.types import SPLITS, Problem, Split

ProblemOf: TypeAlias = Callable[[Mapping[str, Any]], Problem | None]
"""Reads a row; None leaves it out."""


class RowOptions(SplitOptions):
    """`RowOptions` say where the rows of a data set lie, and how they are dealt out."""

    files: tuple[str, ...] = ()
    """JSON lines (.gz too), a JSON array, parquet, or hub:OWNER/NAME:CONFIG:SPLIT; the shares below deal them out."""
    test_files: tuple[str, ...] = Field(())
    """The same, of the test split alone: then `files` holds none of it, and a question of both is a test question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemPool:
    """A `ProblemPool` holds the problems of each split, sorted by id."""

    sources: str
    """What they were read from, for errors."""
    splits: Mapping[Split, tuple[Problem, ...]]
    repeated: int
    """Rows whose question was there already, with the same answer."""
    contradicted: int
    """Rows whose question is there with another answer: one of them is wrong, and none of them is a problem."""

    def draw(self, split: Split, count: int, *key: str | int) -> list[Problem]:
        """Draw `count` distinct problems of a split.

        Raises:
            TaskError: the split holds fewer.
        """
        held = self.splits[split]
        if count > len(held):
            raise TaskError(f"{self.sources}: the {split} split holds {len(held)} problems, not {count}")
        return stream(*key, split).sample(held, count)


def read_pool(options: RowOptions, problem_of: ProblemOf) -> ProblemPool:
    """Read all problems that the options name.

    Args:
        options: where rows lie, and the shares of the splits.
        problem_of: reads a row; it raises `TaskError` where the row is damaged.

    Raises:
        TaskError: a source or a row cannot be read, or there is no problem at all; the sentence says where.
    """
    pool = _Pool()
    for source in options.test_files:
        pool.take(_problems(read_rows(source), problem_of), lambda _: "test")
    for source in options.files:
        pool.take(
            _problems(read_rows(source), problem_of),
            lambda problem: _dealt(problem, options),
        )
    sources = ", ".join((*options.files, *options.test_files))
    kept = pool.kept()
    if not kept:
        raise TaskError(f"{sources}: no row is a problem of this task")
    splits = {name: tuple(problem for problem, split in kept if split == name) for name in SPLITS}
    return ProblemPool(sources=sources, splits=splits, repeated=pool.repeated, contradicted=pool.contradicted)


def _dealt(problem: Problem, options: RowOptions) -> Split:
    """Return the split by the row's own content: in whatever words it is asked, a test problem is one."""
    split = options.split_of(problem.id)
    return "train" if split == "test" and options.test_files else split


def _problems(rows: Iterable[PlacedRow], problem_of: ProblemOf) -> Iterable[Problem]:
    for place, row in rows:
        try:
            problem = problem_of(row)
        except TaskError as error:
            raise TaskError(f"{place}: {error}") from None
        if problem is not None:
            yield problem


class _Pool:
    """Problems by what they ask, while sources are read."""

    def __init__(self) -> None:
        self.repeated = 0
        self._asked: dict[str, tuple[Problem, Split] | None] = {}
        self._rows_of_none: dict[str, int] = {}

    @property
    def contradicted(self) -> int:
        return sum(self._rows_of_none.values())

    def take(self, problems: Iterable[Problem], split_of: Callable[[Problem], Split]) -> None:
        for problem in problems:
            question = asked(problem)
            if question not in self._asked:
                self._asked[question] = (problem, split_of(problem))
                continue
            known = self._asked[question]
            if known is not None and known[0].id == problem.id:
                self.repeated += 1
            else:
                self._rows_of_none[question] = self._rows_of_none.get(question, 1) + 1
                self._asked[question] = None

    def kept(self) -> Sequence[tuple[Problem, Split]]:
        return sorted((item for item in self._asked.values() if item is not None), key=lambda item: item[0].id)


def asked(problem: Problem) -> str:
    """Return what a problem asks, in one spelling, and what may be called for it."""
    tools = (json.dumps(problem.tools, sort_keys=True),) if problem.tools else ()
    return " ".join([*(spelled(message.content) for message in problem.messages), *tools])


def spelled(text: str) -> str:
    """Return one spelling of a text: how it is spaced, and which of equal characters write it, makes no other question.

    >>> spelled(" \uff11 +  2 ")
    '1 + 2'
    """
    return " ".join(unicodedata.normalize("NFKC", text).split())
