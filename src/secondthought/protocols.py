"""What others must offer: a task and a policy. Everything else in the project is built on these two."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from secondthought.types import (
    Completion,
    Message,
    Problem,
    Prompt,
    Reading,
    Sampling,
    Split,
    Thought,
    TokenIds,
    Verdict,
)

T = TypeVar("T")
Leak: TypeAlias = Literal["solution", "first_step", "none"]
"""How much of the answer a reflection gives away."""


@runtime_checkable
class Task(Protocol):
    """A family of problems with a pass/fail check. The only thing a user must write.

    `problems` is deterministic in its arguments and its splits are disjoint for any pair of seeds. `verify` is total:
    any text gets a verdict, quickly, and nothing in it is executed.
    """

    name: str

    def problems(self, split: Split, count: int, seed: int) -> list[Problem]:
        """`count` distinct problems of a split.

        Raises:
            TaskError: the split holds fewer than `count` problems.
        """
        ...

    def parse(self, data: Mapping[str, Any]) -> Problem:
        """A problem from its JSON `data`, as `score` and failure files hold it.

        Raises:
            TaskError: a field is missing or of the wrong type; the sentence names it.
        """
        ...

    def verify(self, problem: Problem, text: str) -> Verdict:
        """Judge one completion's text."""
        ...

    def gold(self, problem: Problem) -> str | None:
        """A completion that `verify` accepts, or None where the task knows none."""
        ...

    @property
    def reflection_request(self) -> str:
        """The user turn that follows a failed attempt."""
        ...


@runtime_checkable
class DiagnosableTask(Task, Protocol):
    """A task that can also write and read reflections: needed for oracle controls and leak rates, not for training."""

    def oracle_reflection(self, problem: Problem, attempt: str) -> str | None:
        """A reflection that names a right way on; None where there is none (an unsolvable problem)."""
        ...

    def contrary_reflection(self, problem: Problem, attempt: str) -> str | None:
        """A reflection of the same form that names a way from which the problem cannot be solved."""
        ...

    def leak(self, problem: Problem, reflection: str) -> Leak:
        """How much of the answer the reflection gives away."""
        ...


@runtime_checkable
class Policy(Protocol):
    """A model that continues token ids. Conversations are ids throughout: text is rendered once, never re-read."""

    name: str

    def start(self, messages: Sequence[Message]) -> TokenIds:
        """Ids of a conversation up to and including the assistant's header."""
        ...

    def follow(self, completion: Completion, request: str) -> TokenIds:
        """Ids between a completion and the next one: end of turn if it is missing, the user's request, the header."""
        ...

    def encode(self, text: str) -> Completion:
        """A completion that nobody sampled (an oracle's reflection), ended as if sampled; logprobs are NaN."""
        ...

    def sample(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """One completion per prompt, in order. Tokens depend on ids and key only, not on the other prompts."""
        ...


class Flow(Protocol):
    """Completions under way: more may be asked for while others are being sampled."""

    def add(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[int]:
        """Ask for completions; returns a ticket for each, never given twice."""
        ...

    def step(self) -> list[tuple[int, Completion]]:
        """Sample on, and return what has become complete, possibly nothing, with its tickets."""
        ...


@runtime_checkable
class FlyingPolicy(Protocol):
    """A policy that can also sample as prompts come in; the same tokens as `sample`."""

    def flow(self) -> AbstractContextManager[Flow]:
        """A flow for as long as its context lasts."""
        ...


class Ranks(Protocol):
    """Processes with equal replicas of a policy, numbered from 0, that share its work."""

    rank: int
    size: int

    def gather(self, what: str, value: T) -> list[T]:
        """Everybody's value, in rank order; `what` names the occasion in errors."""
        ...


@runtime_checkable
class RankedPolicy(Protocol):
    """A policy that may have replicas in other processes; None if it plays alone."""

    world: Ranks | None


@runtime_checkable
class Detector(Protocol):
    """Something that finds behaviours in text: by patterns, by asking a model, or by following what was done.

    `detect` never fails on what a model wrote: what it cannot read is missing, not 0.
    """

    @property
    def name(self) -> str:
        """How it is called in records."""
        ...

    @property
    def behaviors(self) -> tuple[str, ...]:
        """What it looks for."""
        ...

    def detect(self, thoughts: Sequence[Thought]) -> list[Reading]:
        """One reading per thought, in order, with a count for each of `behaviors`."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one conversation: a text, or None and why there is none."""

    index: int
    """Which conversation of the call it answers."""
    text: str | None
    error: str = ""


@runtime_checkable
class ChatModel(Protocol):
    """Something that answers whole conversations in text: an endpoint, or a policy that stands in for one."""

    name: str
    """What decides the answers beside the conversation: equal names may share a file of answers."""

    def ask(
        self,
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        keep: Callable[[Answer], None] = ...,
    ) -> list[Answer]:
        """One answer per conversation, in order.

        `keep` gets each answer at once when it comes, in any order, from one thread at a time: what it writes down
        survives an interruption. A conversation that gets no answer has None, never an empty text.

        Raises:
            PolicyError: nothing can be answered at all.
        """
        ...
