"""Arithmetic asks for one sum of two small numbers: the smallest task that is a task, for tests and the tutorial.

The module shows what a task needs and nothing more; whoever writes a task of their own can start from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product
from typing import Any, Literal

from pydantic import Field

from secondthought.errors import TaskError, shown
from secondthought.rng import stream
from secondthought.tasks import extract, options
from secondthought.tasks import reflection_prompts as requests
from secondthought.types import Message, Problem, Split, Verdict

_NUMBER = re.compile(r"-?[0-9]{1,12}")


class ArithmeticOptions(options.TaskOptions):
    """`ArithmeticOptions` bound the sums that are asked for."""

    max_number: int = Field(50, ge=3, le=1000)
    """Both numbers are drawn from 0 to this one."""
    operators: Literal["+", "+-"] = "+-"
    """Additions only, or additions and subtractions."""


class Arithmetic:
    """Add or subtract two small numbers: "What is 3 + 4?"."""

    name = "arithmetic"
    options_type = ArithmeticOptions
    presets: Mapping[str, Mapping[str, Any]] = {}
    reflection_request = requests.GENERAL

    def __init__(self, **given: Any) -> None:
        self.options = ArithmeticOptions.read(self.name, given)

    @property
    def chance_level(self) -> float:
        """Return the accuracy of a uniform guess among all answers that occur."""
        lowest = 0 if self.options.operators == "+" else -self.options.max_number
        return 1 / (2 * self.options.max_number - lowest + 1)

    def held(self, split: Split) -> int:
        """Return how many problems of a split there are."""
        return len(self._of(split))

    def problems(self, split: Split, count: int, seed: int) -> list[Problem]:
        """Draw `count` distinct problems of a split, out of all there are, in random order."""
        held = self._of(split)
        if count > len(held):
            raise TaskError(
                f"task arithmetic: the {split} split holds {len(held)} problems, not {count}; raise max_number"
            )
        return [self._problem(*item) for item in stream("arithmetic", split, seed).sample(held, count)]

    def parse(self, data: Mapping[str, Any]) -> Problem:
        """Read a problem from `{"a": 3, "operator": "+", "b": 4}`."""
        a, b = options.integer(data, "a", self.name), options.integer(data, "b", self.name)
        operator = options.string(data, "operator", self.name)
        options.known_fields(data, ("a", "operator", "b"), self.name)
        if operator not in ("+", "-"):
            raise TaskError(f"arithmetic problem: 'operator' must be '+' or '-', not {shown(operator)}")
        return self._problem(a, operator, b)

    def verify(self, problem: Problem, text: str) -> Verdict:
        """Judge the whole number inside the last closed `<answer>` tags."""
        answer = extract.tagged(text)
        if answer is None:
            return Verdict(correct=False, reward=0.0, reason="no_answer", well_formed=False)
        if len(answer) > extract.MAX_BOX or not _NUMBER.fullmatch(answer.strip()):
            return Verdict(correct=False, reward=0.0, reason="malformed", well_formed=False)
        if int(answer) != _result(problem):
            return Verdict(correct=False, reward=0.0, reason="wrong", well_formed=True)
        return Verdict(correct=True, reward=1.0, reason="correct", well_formed=True)

    def answer(self, problem: Problem, text: str) -> str | None:
        """Return the inside of the tags if it is a whole number, without leading zeros."""
        said = extract.tagged(text)
        known = said is not None and len(said) <= extract.MAX_BOX and _NUMBER.fullmatch(said.strip())
        return str(int(said or "")) if known else None

    def gold(self, problem: Problem) -> str | None:
        """Return the right answer in its tags."""
        return f"<answer> {_result(problem)} </answer>"

    def changed_golds(self, problem: Problem) -> list[str]:
        """Return numbers beside the right one (`tasks.checks`)."""
        right = _result(problem)
        return [f"<answer> {wrong} </answer>" for wrong in (right + 1, right - 1, -right or 1, f"{right}.5")]

    def _of(self, split: Split) -> list[tuple[int, str, int]]:
        top = self.options.max_number + 1
        space = product(range(top), self.options.operators, range(top))
        return [item for item in space if options.split_of(_identity(*item)) == split]

    def _problem(self, a: int, operator: str, b: int) -> Problem:
        text = f"What is {a} {operator} {b}? Return the final answer in <answer> </answer> tags."
        return Problem(
            id=_identity(a, operator, b),
            task=self.name,
            messages=(Message(role="user", content=text),),
            data={"a": a, "operator": operator, "b": b},
        )


def _identity(a: int, operator: str, b: int) -> str:
    return f"arithmetic:{a}{operator}{b}"


def _result(problem: Problem) -> int:
    a, b = int(problem.data["a"]), int(problem.data["b"])
    return a + b if problem.data["operator"] == "+" else a - b
