"""A rehearsal tells what a judge would be asked, before anything is sent or paid for."""

from __future__ import annotations

from collections.abc import Sequence

from secondthought.habits.judge.detector import JudgeDetector
from secondthought.types import Reading, Thought


class Rehearsal:
    """A `Rehearsal` stands in for a judge: it counts what would be sent, sends nothing, and finds nothing."""

    def __init__(self, judge: JudgeDetector) -> None:
        """Take the judge."""
        self.name, self.behaviors = judge.name, judge.behaviors
        self._judge = judge
        self._requests = self._prompt_tokens = self._answer_tokens = 0

    def detect(self, thoughts: Sequence[Thought]) -> list[Reading]:
        """Return readings whose counts are all missing."""
        estimate = self._judge.estimate(thoughts)
        self._requests += estimate.requests
        self._prompt_tokens += estimate.prompt_tokens
        self._answer_tokens += estimate.answer_tokens
        return [Reading(counts=dict.fromkeys(self.behaviors)) for _ in thoughts]

    @property
    def requests(self) -> int:
        """Return how many requests would be sent."""
        return self._requests

    def sentence(self) -> str:
        """Say what would be sent."""
        return (
            f"{self._requests:,} requests, about {self._prompt_tokens:,} prompt tokens and at most"
            f" {self._answer_tokens:,} tokens of answers"
        )
