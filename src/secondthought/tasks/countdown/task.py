"""Countdown as a task gives numbers and a target, and asks for an expression that uses every number exactly once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from secondthought.errors import TaskError
from secondthought.protocols import Leak
from secondthought.rng import stream
from secondthought.tasks import extract
from secondthought.tasks import options as fields
from secondthought.tasks.countdown import leak, problems, prompts, reflections, solver, verify
from secondthought.tasks.countdown.problems import CountdownOptions
from secondthought.tasks.countdown.reading.detector import FunctionalDetector
from secondthought.tasks.countdown.writing.wordings import wording_of
from secondthought.tasks.countdown.writing.writer import CountdownWriter
from secondthought.types import Message, Problem, Split, Verdict

_CHANCE_PROBLEMS = 500
_CHANCE_GUESSES = 20


class Countdown:
    """Make an equation from 3 to 6 numbers, each used exactly once, that equals the target.

    Solvers and verifiers are exact. Presets: `default`, `tiny` and `four` (what the shipped models play), `tinyzero`
    (shape of the published RL data), `priming` (shape of the published priming data).
    """

    name = "countdown"
    options_type = CountdownOptions
    presets = problems.PRESETS
    reflection_request = prompts.REFLECTION_REQUEST

    def __init__(self, **options: Any) -> None:
        self.options = problems.read_options(options)

    @cached_property
    def chance_level(self) -> float:
        """Estimate the accuracy of a random expression that uses every number once, over 10,000 guesses."""
        rng = stream("countdown", "chance")
        instances = problems.generate(self.options, "train", _CHANCE_PROBLEMS, seed=0)
        guesses = [(item, _random_value(item.numbers, rng)) for item in instances for _ in range(_CHANCE_GUESSES)]
        return sum(value == (item.target, 1) for item, value in guesses) / len(guesses)

    def problems(self, split: Split, count: int, seed: int) -> list[Problem]:
        """Draw `count` distinct problems of a split."""
        return [self._problem(*item) for item in problems.generate(self.options, split, count, seed)]

    def parse(self, data: Mapping[str, Any]) -> Problem:
        """Read a problem from `{"numbers": [...], "target": n}`."""
        numbers = fields.integers(data, "numbers", self.name)
        target = fields.integer(data, "target", self.name)
        fields.known_fields(data, ("numbers", "target"), self.name)
        if not 2 <= len(numbers) <= problems.MAX_NUMBERS:
            raise TaskError(f"countdown problem: 'numbers' must hold 2 to {problems.MAX_NUMBERS} numbers")
        if any(not 0 <= number <= problems.MAX_NUMBER for number in numbers):
            raise TaskError(f"countdown problem: 'numbers' must be between 0 and {problems.MAX_NUMBER}")
        if abs(target) > problems.MAX_NUMBER:
            raise TaskError(f"countdown problem: 'target' must be at most {problems.MAX_NUMBER} in size")
        return self._problem(numbers, target)

    def verify(self, problem: Problem, text: str) -> Verdict:
        """Judge one completion."""
        data = problem.data
        verdict = verify.verify(data["numbers"], data["target"], text, self.options.answer_format)
        earns = self.options.format_reward and verdict.well_formed and not verdict.correct
        return replace(verdict, reward=self.options.format_reward) if earns else verdict

    def answer(self, problem: Problem, text: str) -> str | None:
        """Return what stands in the answer's place, without blanks."""
        found = extract.answer(text, bare_box=self.options.answer_format == "boxed")
        return None if found is None else "".join(found.text.split())

    def gold(self, problem: Problem) -> str | None:
        """Return the shortest solution, marked as the prompt asks; None for an unsolvable problem."""
        numbers, target = instance(problem)
        found = solver.solutions(tuple(sorted(numbers)), target)
        if not found:
            return None
        return f"\\boxed{{{found[0]}}}" if self.options.answer_format == "boxed" else f"<answer> {found[0]} </answer>"

    def changed_golds(self, problem: Problem) -> list[str]:
        """Return the target alone, and a solution with a number that is not there (`tasks.checks`)."""
        gold = self.gold(problem)
        if gold is None:
            return []
        _, target = instance(problem)
        found = solver.solutions(tuple(sorted(problem.data["numbers"])), target)[0]
        return [gold.replace(found, wrong) for wrong in (str(target), f"{found} + 0", f"{found} * 1", f"{found} + 1")]

    def oracle_reflection(self, problem: Problem, attempt: str) -> str | None:
        """Write a reflection that names an operation from which the target can be reached."""
        return reflections.oracle_reflection(*instance(problem), attempt)

    def contrary_reflection(self, problem: Problem, attempt: str) -> str | None:
        """Write a reflection of the same form that names an operation from which the target cannot be reached."""
        return reflections.contrary_reflection(*instance(problem), attempt)

    def general_reflection(self) -> str:
        """Return one piece of advice that fits every problem and names no number."""
        return reflections.general_reflection()

    def reader(self) -> FunctionalDetector:
        """Return the detector that follows what a thought about a Countdown problem did."""
        return FunctionalDetector()

    def writing_options(self, wording: str, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the options of problems to write about: the wording's preset, unless others are given, with `think`.

        Raises:
            TaskError: there is no such wording.
        """
        return {"answer_format": "think", **(given or {"preset": wording_of(wording).preset})}

    def writer(self, wording: str, settings: Mapping[str, Any] | None = None) -> CountdownWriter:
        """Return a writer of thoughts; settings that are not given go well with the wording.

        Raises:
            TaskError: there is no such wording, or no such setting.
        """
        return CountdownWriter(wording, settings or {})

    def leak(self, problem: Problem, reflection: str) -> Leak:
        """Tell how much of the answer the reflection gives away."""
        return leak.leak(*instance(problem), reflection)

    def _problem(self, numbers: tuple[int, ...], target: int) -> Problem:
        text = prompts.user_prompt(numbers, target, self.options.answer_format)
        return Problem(
            id=problems.identity(numbers, target),
            task=self.name,
            messages=(Message(role="user", content=text),),
            data={"numbers": list(numbers), "target": target},
        )


def instance(problem: Problem) -> problems.Instance:
    """Return the numbers and target of a problem."""
    return problems.Instance(tuple(problem.data["numbers"]), problem.data["target"])


def _random_value(numbers: tuple[int, ...], rng: Any) -> solver.Rational | None:
    """Return the value of a random expression; None after a division by zero."""
    values: list[solver.Rational] = [(number, 1) for number in numbers]
    while len(values) > 1:
        rng.shuffle(values)
        result = solver.operate(values.pop(), rng.choice("+-*/"), values.pop())
        if result is None:
            return None
        values.append(result)
    return values[0]
