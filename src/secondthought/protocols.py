"""Protocols: what a task and a policy must offer, and what each may offer besides.

Everything else in the project is built on `Task` and `Policy`. An optional ability is a protocol of its own, asked for
with `isinstance`: a task or policy that lacks it is used without.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from secondthought.types import (
    Answer,
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
"""The part of the answer that a reflection gives away."""


@runtime_checkable
class Task(Protocol):
    """A `Task` is a family of problems with a pass/fail check: the only thing that a user must write.

    `problems` is deterministic in its arguments and its splits are disjoint for any pair of seeds. `verify` is total:
    any text gets a verdict, quickly, and nothing in it is executed.
    """

    name: str

    def problems(self, split: Split, count: int, seed: int) -> list[Problem]:
        """Return `count` distinct problems of a split.

        Raises:
            TaskError: the split holds fewer than `count` problems.
        """
        ...

    def parse(self, data: Mapping[str, Any]) -> Problem:
        """Read a problem from its JSON `data`, as `score` and failure files hold it.

        Raises:
            TaskError: a field is missing or of the wrong type; the sentence names it.
        """
        ...

    def verify(self, problem: Problem, text: str) -> Verdict:
        """Judge one completion's text."""
        ...

    def gold(self, problem: Problem) -> str | None:
        """Return a completion that `verify` accepts, or None where the task knows none."""
        ...

    @property
    def reflection_request(self) -> str:
        """Return the user turn that follows a failed attempt."""
        ...


@runtime_checkable
class DiagnosableTask(Task, Protocol):
    """A `DiagnosableTask` can also write and read reflections: oracle controls and leak rates need it, training not."""

    def oracle_reflection(self, problem: Problem, attempt: str) -> str | None:
        """Write a reflection that names a right way on; None where there is none (an unsolvable problem)."""
        ...

    def contrary_reflection(self, problem: Problem, attempt: str) -> str | None:
        """Write a reflection of the same form that names a way from which the problem cannot be solved."""
        ...

    def leak(self, problem: Problem, reflection: str) -> Leak:
        """Tell how much of the answer the reflection gives away."""
        ...


@runtime_checkable
class GeneralAdvisor(Protocol):
    """A `GeneralAdvisor` is a task that words the evaluation's control `fixed` itself."""

    def general_reflection(self) -> str:
        """Return one piece of advice that fits every problem."""
        ...


@runtime_checkable
class RepeatingTask(Protocol):
    """A `RepeatingTask` is read from rows, of which some may ask a question again."""

    repeated: int
    """Rows that were left out because their question was there."""


@runtime_checkable
class PresetTask(Protocol):
    """A `PresetTask` has named sets of options: its option `preset` takes one of the names."""

    @property
    def presets(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the options that each name stands for."""
        ...


@runtime_checkable
class OptionTask(Protocol):
    """An `OptionTask` declares its options with one sentence each, as `tasks.options.TaskOptions` holds them."""

    @property
    def options_type(self) -> type:
        """Return the class that declares the options."""
        ...


@runtime_checkable
class ChanceTask(Protocol):
    """A `ChanceTask` states the accuracy of guessing."""

    @property
    def chance_level(self) -> float:
        """Return the accuracy of a guess that knows the form of an answer and nothing else."""
        ...


@runtime_checkable
class Policy(Protocol):
    """A `Policy` is a model that continues token ids.

    Conversations are ids throughout: text is rendered once, never re-read.
    """

    name: str

    def start(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> TokenIds:
        """Return the ids of a conversation up to and including the assistant's header; `tools` may be called in it."""
        ...

    def follow(self, completion: Completion, request: str) -> TokenIds:
        """Return the ids between two completions: end of turn if it is missing, the user's request, the header."""
        ...

    def encode(self, text: str) -> Completion:
        """Make a completion that nobody sampled (an oracle's reflection), ended as if sampled; logprobs are NaN."""
        ...

    def sample(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """Sample one completion per prompt, in order. Tokens depend on ids and key alone, not on other prompts."""
        ...


@runtime_checkable
class Fingerprinted(Protocol):
    """A `Fingerprinted` policy can tell whether token ids mean the same to it and to another policy."""

    def fingerprint(self) -> str:
        """Return a hash of what the token ids mean."""
        ...


class Flow(Protocol):
    """A `Flow` holds completions under way: more may be asked for while others are being sampled."""

    def add(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[int]:
        """Ask for completions; return a ticket for each, never given twice."""
        ...

    def step(self) -> list[tuple[int, Completion]]:
        """Sample on, and return what has become complete, possibly nothing, with its tickets."""
        ...


@runtime_checkable
class FlyingPolicy(Protocol):
    """A `FlyingPolicy` can also sample as prompts come in; the tokens are those of `sample`."""

    def flow(self) -> AbstractContextManager[Flow]:
        """Open a flow for as long as its context lasts."""
        ...


class Ranks(Protocol):
    """`Ranks` are processes with equal replicas of a policy, numbered from 0, that share its work."""

    rank: int
    size: int

    def gather(self, what: str, value: T) -> list[T]:
        """Return the values of all ranks, in order; `what` names the occasion in errors."""
        ...


@runtime_checkable
class RankedPolicy(Protocol):
    """A `RankedPolicy` may have replicas in other processes."""

    world: Ranks | None
    """The processes that share the policy's work; None if it plays alone."""


@runtime_checkable
class Detector(Protocol):
    """A `Detector` finds behaviours in text: by patterns, by asking a model, or by following what was done.

    `detect` never fails on what a model wrote: what it cannot read is missing, not 0.
    """

    @property
    def name(self) -> str:
        """Return its name in records."""
        ...

    @property
    def behaviors(self) -> tuple[str, ...]:
        """Return the names of the behaviours that it looks for."""
        ...

    def detect(self, thoughts: Sequence[Thought]) -> list[Reading]:
        """Return one reading per thought, in order, with a count for each of `behaviors`."""
        ...


@runtime_checkable
class ReadableTask(Protocol):
    """A `ReadableTask` can follow what a thought about one of its problems did, whatever words it used."""

    def reader(self) -> Detector:
        """Return the detector that follows it; of a thought without such a problem, all counts are missing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenThought:
    """A `WrittenThought` is a thought that no model sampled, its marked answer, and how many attempts it tells of."""

    thought: str
    answer: str
    correct: bool
    attempts: int


class ThoughtWriter(Protocol):
    """A `ThoughtWriter` writes thoughts that show some habits and no others: priming sets are made of them."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return all settings, as JSON holds them; `correct` is the share of right answers."""
        ...

    def write(
        self, problem: Problem, rng: Random, *, shows: Collection[str], requires: Collection[str] = (), correct: bool
    ) -> WrittenThought | None:
        """Write a thought that is planned to show of `shows` what the problem lends itself to, and nothing else.

        Return None where one draw gave no such thought, none that shows all that it `requires`, or none that ends as
        right or wrong as asked; another draw may give one.
        """
        ...

    def completion(self, thought: str, answer: str) -> str:
        """Return the whole completion; a blank stands in the place of an empty thought."""
        ...


@runtime_checkable
class WritableTask(Protocol):
    """A `WritableTask` can write thoughts about its own problems, in one of the wordings that it has."""

    def writing_options(self, wording: str, given: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Return the task's options that go well with a wording, or those that are given.

        Raises:
            TaskError: there is no such wording.
        """
        ...

    def writer(self, wording: str, settings: Mapping[str, Any] | None = None) -> ThoughtWriter:
        """Return a writer of thoughts; settings that are not given go well with the wording.

        Raises:
            TaskError: there is no such wording, or no such setting.
        """
        ...


@runtime_checkable
class ChatModel(Protocol):
    """A `ChatModel` answers whole conversations in text: an endpoint, or a policy that stands in for one."""

    name: str
    """The name of what decides the answers besides the conversation: equal names may share a file of answers."""

    def ask(
        self,
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,
        keep: Callable[[Answer], None] = ...,
        tools: Sequence[Sequence[Mapping[str, Any]]] = (),
    ) -> list[Answer]:
        """Return one answer per conversation, in order; `tools` has those of each, and calls come back as text.

        `keep` gets each answer at once when it comes, in any order, from one thread at a time: what it writes down
        survives an interruption. A conversation that gets no answer has None, never an empty text.

        Raises:
            PolicyError: nothing can be answered at all.
        """
        ...
