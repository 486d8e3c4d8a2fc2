"""The writer that Countdown offers: plans drawn by search, put into words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from random import Random
from typing import Any

from secondthought.errors import TaskError
from secondthought.protocols import WrittenThought
from secondthought.tasks.countdown.writing.search import Searcher
from secondthought.tasks.countdown.writing.wordings import wording_of
from secondthought.types import HABITS, Problem


class CountdownWriter:
    """A `CountdownWriter` writes thoughts in one wording; its settings are `Dials`, by default the wording's."""

    def __init__(self, wording: str, settings: Mapping[str, Any]) -> None:
        """Choose wording and dials.

        Raises:
            TaskError: there is no such wording, or no such setting.
        """
        self.wording = wording_of(wording)
        try:
            self.dials = replace(self.wording.dials, **settings)
        except TypeError:
            known = asdict(self.wording.dials)
            wrong = next(name for name in settings if name not in known)
            raise TaskError(f"task countdown: unknown setting {wrong!r}; allowed: {', '.join(known)}") from None

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return the dials, as JSON holds them."""
        return asdict(self.dials)

    def write(
        self, problem: Problem, rng: Random, *, shows: Collection[str], requires: Collection[str] = (), correct: bool
    ) -> WrittenThought | None:
        """Write a thought that shows of `shows` what the problem lends itself to, and nothing else."""
        numbers, target = tuple(problem.data["numbers"]), problem.data["target"]
        if target in numbers:
            return None
        allowed = frozenset(name for name in HABITS if name in shows)
        plan = Searcher(rng, self.dials).plan(numbers, target, allowed, correct=correct)
        if plan is None or not plan.behaviors.issuperset(requires):
            return None
        return WrittenThought(
            thought=self.wording.thought(plan, rng),
            answer=self.wording.answer(plan),
            correct=plan.correct,
            attempts=len(plan.attempts),
        )

    def completion(self, thought: str, answer: str) -> str:
        """Return the whole completion; a blank stands in the place of an empty thought."""
        return self.wording.completion(thought, answer) if thought else self.wording.empty(answer)
