"""A question as a problem, by what can check its answer; without a check it is an open question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secondthought.rng import key
from secondthought.serve.wording import DEFAULT, LANGUAGE, shipped
from secondthought.types import Message, Problem, Split, Verdict

OPEN = "open_question"


class OpenQuestion:
    """An `OpenQuestion` has no check: no try passes and none fails, so that each is reflected on."""

    name = OPEN

    @property
    def reflection_request(self) -> str:
        """Return the request that supposes no verdict."""
        return shipped().reflection(DEFAULT, LANGUAGE)

    def problems(self, split: Split, count: int, seed: int) -> list[Problem]:
        """Return none: questions are asked."""
        return []

    def parse(self, data: Mapping[str, Any]) -> Problem:
        """Read a question."""
        question = str(data["question"])
        return Problem(
            id=f"{OPEN}:{key(OPEN, question):016x}",
            task=OPEN,
            messages=(Message(role="user", content=question),),
            data={"question": question},
        )

    def verify(self, problem: Problem, text: str) -> Verdict:
        """Say that nothing was checked."""
        return Verdict(correct=False, reward=0.0, reason="unchecked", well_formed=True)

    def gold(self, problem: Problem) -> str | None:
        """Return None: nobody knows."""
        return None
