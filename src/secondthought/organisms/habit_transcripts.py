"""Transcripts of Countdown with four numbers, a given share of which holds habits: `terse` and `rich` imitate them.

Bases differ in that share alone: problems, the share of right answers, the form and the drills are the same. In a drill
the user names the moves, and the model does and checks them: every base can when it is asked. Otherwise a transcript
without habits makes its moves and answers; one with habits shows a random choice of the four, and is right no more
often than the others, so habits are worth nothing until somebody goes on where the corpus gives up. Problems come from
the train split only.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from secondthought.organisms.tokenizer import LARGEST_NUMBER, TranscriptMessage
from secondthought.tasks.countdown import problems, prompts
from secondthought.tasks.countdown.writing.moves import Numbers, solutions
from secondthought.tasks.countdown.writing.plans import Dials
from secondthought.tasks.countdown.writing.search import Searcher
from secondthought.tasks.countdown.writing.short_form import DIALS, short
from secondthought.tasks.options import split_of
from secondthought.types import HABITS, HabitName

PRESET = "four"
_ASKED: frozenset[HabitName] = frozenset({"verification", "backtracking"})
"""Habits that drills show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HabitKnobs:
    """`HabitKnobs` say how often each thing happens in a transcript; all but the dials are probabilities."""

    habits: float = 0.5
    """Share of the transcripts of problems that hold habits."""
    correct: float = 0.18
    """Share of right answers, with and without habits."""
    shows: tuple[float, float, float, float] = (0.7, 0.75, 0.3, 0.3)
    """Shares of verification, backtracking, subgoals and backward chaining in transcripts with habits; at least one."""
    attempts: tuple[float, ...] = (0.0, 0.55, 0.3, 0.15)
    """Shares of 1, 2, 3, ... attempts in transcripts that backtrack."""
    drills: float = 0.2
    """Share of transcripts in which the user names the moves, and the model does and checks them: in every base."""
    dials: Dials = field(default_factory=lambda: DIALS)
    """Dials by which attempts are drawn; `correct` and `attempts` above replace those of the dials."""

    def transcripts(self, rng: random.Random) -> Iterator[tuple[TranscriptMessage, ...]]:
        """Yield transcripts without end."""
        writer = HabitWriter(rng, self)
        while True:
            yield writer.transcript()


class HabitWriter:
    """A `HabitWriter` draws transcripts with one random stream."""

    def __init__(self, rng: random.Random, knobs: HabitKnobs) -> None:
        self.rng, self.knobs = rng, knobs
        self.options = problems.read_options({"preset": PRESET})
        self.searcher = Searcher(rng, replace(knobs.dials, correct=knobs.correct, attempts=knobs.attempts))

    def transcript(self) -> tuple[TranscriptMessage, ...]:
        """Write one transcript: a request and what is to be imitated."""
        if self._chance(self.knobs.drills):
            return self.drill()
        allowed, correct = self.behaviors(), self._chance(self.knobs.correct)
        while True:
            numbers, target = self.problem()
            plan = self.searcher.plan(numbers, target, allowed, correct=correct)
            if plan:
                return _exchange(prompts.user_prompt(numbers, target, "think"), short(plan))

    def problem(self) -> tuple[Numbers, int]:
        """Draw a problem of the train split that has a solution in chained whole numbers."""
        own = self.options
        while True:
            numbers = tuple(sorted(self.rng.randint(own.min_number, own.max_number) for _ in range(own.counts[0])))
            target = self.rng.randint(own.min_target, own.max_target)
            in_train = split_of(problems.identity(numbers, target)) == "train"
            if in_train and solutions(numbers, target, LARGEST_NUMBER, self.knobs.dials.chained):
                return numbers, target

    def behaviors(self) -> frozenset[HabitName]:
        """Draw the habits that the next transcript is to show: by the share of habits, some or none."""
        if not self._chance(self.knobs.habits):
            return frozenset()
        while True:
            chosen = frozenset(
                name for name, share in zip(HABITS, self.knobs.shows, strict=True) if self._chance(share)
            )
            if chosen:
                return chosen

    def drill(self) -> tuple[TranscriptMessage, ...]:
        """Write a problem whose moves the user names; the model does them and holds them against the target.

        The moves are named in the problem's own place, so that what is learned here is at hand there: bases that
        learned to compare in exercises of another form could not do it in a thought (docs/lab-log.md).
        """
        right = self._chance(0.5)
        allowed = _ASKED if self._chance(0.5) else _ASKED - {"backtracking"}
        while True:
            numbers, target = self.problem()
            plan = self.searcher.plan(numbers, target, allowed, correct=right)
            if plan:
                asked = "; ".join(", ".join(move.text for move in attempt.fresh) for attempt in plan.attempts)
                return _exchange(f"{prompts.user_prompt(numbers, target, 'think')} {asked}?", short(plan))

    def _chance(self, probability: float) -> bool:
        return self.rng.random() < probability


def _exchange(request: str, answer: str) -> tuple[TranscriptMessage, ...]:
    return TranscriptMessage("user", request, False), TranscriptMessage("assistant", answer, True)
