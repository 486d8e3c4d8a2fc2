"""Search writes priming sets: as many traces as asked for, exactly the share of right answers, nothing forbidden.

A trace that shows a forbidden habit to the functional detector is drawn again. Problems come from the train split,
each at most once.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from secondthought.data.priming.kinds import SetKind, kind
from secondthought.errors import ConfigError, TaskError
from secondthought.rng import stream
from secondthought.tasks.countdown import Countdown
from secondthought.tasks.countdown.reading.detector import FunctionalDetector
from secondthought.tasks.countdown.writing.plans import Dials, ThoughtPlan
from secondthought.tasks.countdown.writing.search import Searcher
from secondthought.tasks.countdown.writing.wordings import WORDINGS, Language, Wording
from secondthought.types import Problem, Reading, Thought

_DRAWS = 8
"""Plans that are drawn for one problem before the next problem is taken."""
_SPARE = 16
"""Problems drawn at first beyond those that are wanted: near to how many there are, each one more costs much."""
_MOST_PROBLEMS = 64
"""Problems looked at per trace that is wanted, at most."""

Length = Callable[[str], int]
"""Tokens of a text, by the tokenizer of the model that is to be primed."""


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
    language: Language = "english"
    dials: Dials | None = None
    """Default: those that go well with the wording."""
    options: dict[str, Any] | None = None
    """Of Countdown; default: the wording's preset, with the work asked for in tags."""

    @property
    def all_dials(self) -> Dials:
        """Return the dials with what the kind itself fixes."""
        fixed = kind(self.kind).correct
        dials = self.dials or WORDINGS[self.language].dials
        return dials if fixed is None else replace(dials, correct=fixed)

    @property
    def all_options(self) -> dict[str, Any]:
        """Return the options of the task."""
        return {"answer_format": "think", **(self.options or {"preset": WORDINGS[self.language].preset})}


def traces(request: SetRequest, length: Length | None = None) -> Iterator[Trace]:
    """Write the traces of a set.

    Args:
        request: the set.
        length: counts tokens; needed for dots alone.

    Raises:
        ConfigError: there is no such kind, or dots were asked for without a tokenizer.
        TaskError: the task has too few problems that lend themselves to it.
    """
    writer, source = _Writer(request, length), problems_of(request)
    drawn_as = kind(request.kind).twin or request.kind
    rng, wanted = stream("priming", drawn_as, request.seed), list(_verdicts(request))
    rng.shuffle(wanted)
    unfit: dict[bool, list[Problem]] = {True: [], False: []}
    for done, correct in enumerate(wanted):
        # When the split is used up, what would not do for the other verdict may do for this one.
        problems = itertools.chain(source, _drained(unfit[correct]))
        trace = writer.first(problems, correct, rng, unfit[not correct])
        if trace is None:
            raise _too_few(request, done)
        yield trace


class _Writer:
    def __init__(self, request: SetRequest, length: Length | None) -> None:
        self.kind: SetKind = kind(request.kind)
        self.wording: Wording = WORDINGS[request.language]
        self.task = Countdown(**request.all_options)
        self.dials, self.length, self.detector = request.all_dials, length, FunctionalDetector()
        if self.kind.thought == "dots" and length is None:
            raise ConfigError("dots are as many tokens as the thoughts that they stand for: name a --tokenizer")

    def first(self, source: Iterator[Problem], correct: bool, rng: random.Random, unfit: list[Problem]) -> Trace | None:
        """Write a trace for the first problem that lends itself to one; problems before it become `unfit`."""
        for problem in source:
            trace = self.trace(problem, correct, rng)
            if trace:
                return trace
            unfit.append(problem)
        return None

    def trace(self, problem: Problem, correct: bool, rng: random.Random) -> Trace | None:
        """Write a trace for this problem; None where it does not lend itself to one."""
        numbers, target = tuple(problem.data["numbers"]), problem.data["target"]
        if target in numbers:
            return None
        searcher = Searcher(rng, self.dials)
        for _ in range(_DRAWS):
            plan = searcher.plan(numbers, target, self.kind.behaviors, correct=correct)
            if plan and self.kind.requires <= plan.behaviors:
                trace = self._written(problem, plan, rng)
                if not any(trace.reading.counts[name] for name in self.kind.forbids):
                    return trace
        return None

    def _written(self, problem: Problem, plan: ThoughtPlan, rng: random.Random) -> Trace:
        thought, answer = self.wording.thought(plan, rng), self.wording.answer(plan)
        text = self.wording.completion(thought, answer)
        if self.kind.thought == "empty":
            text = self.wording.empty(answer)
        elif self.length is not None and self.kind.thought == "dots":
            text = self.wording.completion(dots(self.length(thought), self.length), answer)
        verdict = self.task.verify(problem, text)
        if verdict.correct != plan.correct:
            raise TaskError(
                f"{problem.id}: the plan's answer is judged {verdict.reason}; this is a fault of the writer"
            )
        [reading] = self.detector.detect([Thought(text=text, problem=problem)])
        return Trace(
            problem=problem,
            completion=text,
            correct=verdict.correct,
            attempts=len(plan.attempts) if self.kind.thought == "told" else 0,
            reading=reading,
        )


def dots(count: int, length: Length) -> str:
    """Return dots of that many tokens, or as near to it as the tokenizer allows.

    >>> dots(3, lambda text: len(text.split()))
    '. . .'
    """
    low, high = 1, max(2, count)
    while length(_dots(high)) < count:
        low, high = high, 2 * high
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if length(_dots(middle)) < count else (low, middle)
    return _dots(low)


def _dots(count: int) -> str:
    return " ".join("." * count)


def _verdicts(request: SetRequest) -> Iterator[bool]:
    """Yield True for exactly the wanted share of right answers, to the nearest whole trace, then False."""
    right = round(request.all_dials.correct * request.count)
    return (place < right for place in range(request.count))


def problems_of(request: SetRequest) -> Iterator[Problem]:
    """Yield problems of the train split, each once, as far as there are any; at most 64 per wanted trace.

    A longer list begins with the shorter one, so it is drawn as needed. How many there are a task tells only by
    refusing: between what it gave and what it refused, the middle is asked for next.

    Raises:
        TaskError: there are fewer than traces that are wanted.
    """
    task, most = Countdown(**request.all_options), _MOST_PROBLEMS * (request.count + _SPARE)
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
        f" problems that the train split holds; {fewer}, another preset with --options.preset (`tasks show countdown`"
        " lists them), or wider ranges of numbers and targets"
    )
