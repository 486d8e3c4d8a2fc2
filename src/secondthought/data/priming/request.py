"""A priming set is asked for by its kind and by the one source that its traces come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from secondthought.data.priming.from_search import SetRequest
from secondthought.data.priming.kinds import kind
from secondthought.errors import ConfigError
from secondthought.inference.chat.endpoint import Endpoint

ANY = "any"
"""In place of a kind, for traces that exist already: nothing is forbidden."""
COUNT = 1000
"""Traces of a set that is made for the purpose, where no count is given."""

MAX_TOKENS = 1024
"""Longest answer of a teacher: the paper's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FromSearch:
    """Traces are written by search: the task needs a writer, as Countdown has."""

    dials: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the task's writer; what is left out goes with the wording."""
    tokenizer: str | None = None
    """For dots: the model that is to be primed (checkpoint, hub id, or shipped name)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FromTeacher:
    """Traces are asked for at an endpoint, which is told what to show and what to leave out."""

    endpoint: Endpoint
    answers: Path | None = None
    """The file that its answers are kept in, default SET.answers.jsonl; what it holds is not asked again."""
    max_tokens: int = MAX_TOKENS
    """Longest answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FromSamples:
    """Traces are stitched from a model's own samples, a wrong one, its reflection and a right one each."""

    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FromFile:
    """Traces exist already, as rows {"problem": {...}, "completion": "..."} of a file."""

    path: Path


Source: TypeAlias = FromSearch | FromTeacher | FromSamples | FromFile


@dataclass(frozen=True, slots=True, kw_only=True)
class PrimingSet:
    """A `PrimingSet` says what set is wanted; `make.make_set` makes it."""

    kind: str
    """The name of a kind; from samples or a file also `any`."""
    source: Source = field(default_factory=FromSearch)
    count: int | None = None
    """Traces; default 1000, or from samples and files all that there are."""
    seed: int = 0
    wording: str = "english"
    """One of the task's wordings."""
    task: str = "countdown"
    """Whose problems these are: a shipped task, `module:Class`, or a .jsonl file."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the task; default: those that go well with the wording, where the task has wordings."""

    def __post_init__(self) -> None:
        if self.kind != ANY:
            kind(self.kind)
        elif not isinstance(self.source, FromSamples | FromFile):
            raise ConfigError(
                "any is for traces that exist already: give --source.samples or --source.file, or name an arm"
            )

    @property
    def forbids(self) -> tuple[str, ...]:
        """Return the habits that none of the traces may show."""
        return () if self.kind == ANY else kind(self.kind).forbids

    @property
    def every_answer(self) -> bool | None:
        """Return whether every answer has to be right, or wrong; None where it may be either."""
        return None if self.kind == ANY else kind(self.kind).every_answer

    @property
    def named_after(self) -> tuple[str, ...]:
        """Return the habits that the traces should show because the kind is named after them."""
        told = self.kind != ANY and kind(self.kind).thought == "told"
        return tuple(sorted(kind(self.kind).requires)) if told else ()

    def search(self, dials: Mapping[str, Any]) -> SetRequest:
        """Return the set as the writer by search takes it.

        Raises:
            ConfigError: a dial is given that the kind itself fixes.
        """
        if kind(self.kind).correct is not None and "correct" in dials:
            raise ConfigError(f"dials.correct: the arm {self.kind} fixes it; leave it out")
        return SetRequest(
            kind=self.kind,
            count=self.count or COUNT,
            seed=self.seed,
            task=self.task,
            wording=self.wording,
            dials=dials,
            options=self.options,
        )
