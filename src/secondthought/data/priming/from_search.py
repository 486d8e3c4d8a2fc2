"""Search writes priming sets: as many traces as asked for, exactly the share of right answers, nothing forbidden.

The task's own writer plans and words each thought, and its own reader follows it: a trace that shows a forbidden habit
is drawn again. Problems come from the train split, each at most once.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from secondthought import tasks
from secondthought.data.priming.fillers import FILLERS, Length
from secondthought.data.priming.kinds import kind
from secondthought.errors import ConfigError, TaskError
from secondthought.habits.detectors import reader_of
from secondthought.protocols import Task, WritableTask, WrittenThought
from secondthought.rng import stream
from secondthought.tasks.judging import judge
from secondthought.types import Problem, Reading, Thought

_DRAWS = 8
"""Thoughts that are drawn for one problem before the next problem is taken."""
_SPARE = 16
"""Problems drawn at first beyond those that are wanted: near to how many there are, each one more costs much."""
_MOST_PROBLEMS = 64
"""Problems looked at per trace that is wanted, at most."""

TaskLoader = Callable[[str, Mapping[str, Any]], Task]
"""A function that finds a task by its name and options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A `Trace` is one example: a problem, the completion to learn, and what is known of it."""

    problem: Problem
    completion: str
    correct: bool
    attempts: int | None
    reading: Reading

    def row(self) -> dict[str, Any]:
        """Return the trace as a line of a priming set, which `train sft`, `score` and `habits` read."""
        return {
            "id": self.problem.id,
            "problem": dict(self.problem.data),
            "messages": [{"role": item.role, "content": item.content} for item in self.problem.messages],
            "completion": self.completion,
            "correct": self.correct,
            "attempts": self.attempts,
            "counts": dict(self.reading.counts),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRequest:
    """A `SetRequest` says which set is to be written."""

    kind: str
    """A key of `KINDS`."""
    count: int
    seed: int = 0
    task: str = "countdown"
    """Name of the task whose writer is asked."""
    wording: str = "english"
    """One of the task's wordings."""
    dials: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the writer; what is left out goes with the wording."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the task; default: those that go well with the wording."""
    exact_options: bool = False
    """Add nothing to the options, so that prompts are those of RL; a set by itself asks for the work in tags."""


def traces(request: SetRequest, length: Length | None = None) -> Iterator[Trace]:
    """Write the traces of a set.

    Args:
        request: the set.
        length: counts tokens; needed for fillers alone.

    Raises:
        ConfigError: there is no such kind, or a filler was asked for without a tokenizer.
        TaskError: the task has no writer, or too few problems that lend themselves to it.
    """
    yield from SetWriter(request, length).traces()


class SetWriter:
    """A `SetWriter` writes one set with the writer and the reader of its task."""

    def __init__(
        self, request: SetRequest, length: Length | None = None, *, load_task: TaskLoader = tasks.load
    ) -> None:
        """Load the task and ask it for its writer and reader.

        Raises:
            ConfigError: there is no such kind, the task has no reader, or a filler is asked for without a tokenizer.
            TaskError: the task has no writer, or an option, the wording or a dial is unknown.
        """
        self.request, self.length, self.kind = request, length, kind(request.kind)
        if self.kind.filler and length is None:
            raise ConfigError(
                f"{request.kind} has as many tokens as the thoughts that it stands for: name a --tokenizer"
            )
        self.options = dict(request.options)
        self.task = load_task(request.task, self.options)
        if not request.exact_options:
            self.options = dict(_writable(self.task).writing_options(request.wording, request.options))
            self.task = load_task(request.task, self.options)
        fixed = {} if self.kind.correct is None else {"correct": self.kind.correct}
        self._writer = _writable(self.task).writer(request.wording, {**request.dials, **fixed})
        self._reader = reader_of(self.task)

    @property
    def dials(self) -> Mapping[str, Any]:
        """Return all settings of the task's writer, with what the kind itself fixes."""
        return self._writer.settings

    def traces(self) -> Iterator[Trace]:
        """Write the traces one by one.

        Raises:
            TaskError: the task has too few problems that lend themselves to the set.
        """
        request, source = self.request, problems_of(self.request, self.task)
        rng, wanted = stream("priming", self.kind.twin or request.kind, request.seed), list(self._verdicts())
        rng.shuffle(wanted)
        unfit: dict[bool, list[Problem]] = {True: [], False: []}
        for done, correct in enumerate(wanted):
            # When the split is used up, what would not do for the other verdict may do for this one.
            problems = itertools.chain(source, _drained(unfit[correct]))
            trace = self._first(problems, correct, rng, unfit[not correct])
            if trace is None:
                raise _too_few(request, done)
            yield trace

    def _verdicts(self) -> Iterator[bool]:
        """Yield True for exactly the wanted share of right answers, to the nearest whole trace, then False."""
        right = round(self.dials["correct"] * self.request.count)
        return (place < right for place in range(self.request.count))

    def _first(
        self, source: Iterator[Problem], correct: bool, rng: random.Random, unfit: list[Problem]
    ) -> Trace | None:
        """Write a trace for the first problem that lends itself to one; problems before it become `unfit`."""
        for problem in source:
            trace = self._trace(problem, correct, rng)
            if trace:
                return trace
            unfit.append(problem)
        return None

    def _trace(self, problem: Problem, correct: bool, rng: random.Random) -> Trace | None:
        """Write a trace for this problem; None where it does not lend itself to one."""
        shows, requires = self.kind.behaviors, self.kind.requires
        for _ in range(_DRAWS):
            written = self._writer.write(problem, rng, shows=shows, requires=requires, correct=correct)
            if written:
                trace = self._read(problem, written)
                if not any(trace.reading.counts.get(name) for name in self.kind.forbids):
                    return trace
        return None

    def _read(self, problem: Problem, written: WrittenThought) -> Trace:
        text = self._writer.completion(self._content(problem, written.thought), written.answer)
        verdict = judge(self.task, problem, text)
        if verdict.correct != written.correct:
            raise TaskError(
                f"{problem.id}: the plan's answer is judged {verdict.reason}; this is a fault of the writer"
            )
        [reading] = self._reader.detect([Thought(text=text, problem=problem)])
        return Trace(
            problem=problem,
            completion=text,
            correct=verdict.correct,
            attempts=written.attempts if self.kind.thought == "told" else 0,
            reading=reading,
        )

    def _content(self, problem: Problem, thought: str) -> str:
        """Return what stands between the tags: the thought, or what a control has in its place."""
        if self.kind.filler and self.length is not None:
            own = stream("filler", problem.id, self.request.seed)
            return FILLERS[self.kind.filler](self.length(thought), self.length, own)
        return thought if self.kind.thought == "told" else ""


def _writable(task: Task) -> WritableTask:
    """Return the task if it can write thoughts.

    Raises:
        TaskError: it cannot.
    """
    if not isinstance(task, WritableTask):
        raise TaskError(
            f"task {task.name}: search cannot write its priming sets, since it has no `writer` of thoughts; take the"
            " traces from a teacher, from samples or from a file"
        )
    return task


def problems_of(request: SetRequest, task: Task) -> Iterator[Problem]:
    """Yield problems of the train split, each once, as far as there are any; at most 64 per wanted trace.

    A longer list begins with the shorter one, so it is drawn as needed. How many there are a task tells only by
    refusing: between what it gave and what it refused, the middle is asked for next.

    Raises:
        TaskError: there are fewer than traces that are wanted.
    """
    most = _MOST_PROBLEMS * (request.count + _SPARE)
    done, size, refused = 0, request.count + _SPARE, False
    while done < most:
        try:
            drawn = task.problems("train", size, request.seed)
        except TaskError as error:
            if size <= request.count:
                raise TaskError(
                    f"priming arm {request.kind}: {size} traces were asked for, but {error} (another preset:"
                    " --options.preset)"
                ) from None
            most, refused = size - 1, True
        else:
            yield from drawn[done:]
            done = size
        size = max(request.count, (done + most + 1) // 2 if refused else min(size + size // 4, most))


def _drained(problems: list[Problem]) -> Iterator[Problem]:
    """Yield the problems of a list from its front, and take each off the list."""
    while problems:
        yield problems.pop(0)


def _too_few(request: SetRequest, done: int) -> TaskError:
    fewer = "ask for somewhat fewer with --count" if done else "choose other dials"
    return TaskError(
        f"priming arm {request.kind}: {request.count} traces were asked for, but only {done} can be made of the"
        f" problems that the train split holds; {fewer}, another preset with --options.preset (`tasks show"
        f" {request.task}` lists them), or wider ranges of numbers and targets"
    )
