"""Transcripts of Countdown with four numbers, of which a given share holds habits: what `terse` and `rich` imitate.

Bases differ in that share alone: problems, the share of right answers, the form and the drills are the same. A
transcript without habits makes its moves and answers. One with habits shows a random choice of the four; it is right no
more often than the others, so habits are worth nothing until somebody goes on where the corpus gives up. Problems come
from the train split only.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from secondthought.organisms.said import Said
from secondthought.organisms.tokenizer import LARGEST_NUMBER
from secondthought.priming.moves import Move, Numbers, moves, solutions
from secondthought.priming.search import BEHAVIORS, Behavior, Dials, Searcher
from secondthought.priming.short import DIALS, short
from secondthought.tasks.countdown import problems, prompts
from secondthought.tasks.options import split_of

PRESET = "four"
_SUMS = 3
"""In a drill."""
_LARGEST_OPERAND = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class HabitKnobs:
    """How often what happens in a transcript. All are probabilities."""

    habits: float = 0.5
    """Share of the transcripts of problems that hold habits."""
    correct: float = 0.18
    """Share of right answers, with and without habits."""
    shows: tuple[float, float, float, float] = (0.7, 0.75, 0.3, 0.3)
    """Of a transcript with habits: verification, backtracking, subgoals, backward chaining; at least one."""
    attempts: tuple[float, ...] = (0.0, 0.55, 0.3, 0.15)
    """Shares of 1, 2, 3, ... attempts in transcripts that backtrack."""
    drills: float = 0.2
    """Share of transcripts that are sums and a comparison in place of a problem: the same in every base."""
    dials: Dials = field(default_factory=lambda: DIALS)
    """How attempts are drawn; `correct` and `attempts` above replace those of the dials."""

    def transcripts(self, rng: random.Random) -> Iterator[tuple[Said, ...]]:
        """Transcripts without end."""
        writer = HabitWriter(rng, self)
        while True:
            yield writer.transcript()


class HabitWriter:
    """Draws transcripts."""

    def __init__(self, rng: random.Random, knobs: HabitKnobs) -> None:
        self.rng, self.knobs = rng, knobs
        self.options = problems.read_options({"preset": PRESET})
        self.searcher = Searcher(rng, replace(knobs.dials, correct=knobs.correct, attempts=knobs.attempts))

    def transcript(self) -> tuple[Said, ...]:
        """A request and what is to be imitated."""
        if self._chance(self.knobs.drills):
            return self.drill()
        allowed, correct = self.behaviors(), self._chance(self.knobs.correct)
        while True:
            numbers, target = self.problem()
            plan = self.searcher.plan(numbers, target, allowed, correct=correct)
            if plan:
                return Said("user", prompts.user_prompt(numbers, target, "think"), False), Said(
                    "assistant", short(plan), True
                )

    def problem(self) -> tuple[Numbers, int]:
        """A problem of the train split that has a solution in chained whole numbers."""
        own = self.options
        while True:
            numbers = tuple(sorted(self.rng.randint(own.min_number, own.max_number) for _ in range(own.counts[0])))
            target = self.rng.randint(own.min_target, own.max_target)
            in_train = split_of(problems.identity(numbers, target)) == "train"
            if in_train and solutions(numbers, target, LARGEST_NUMBER, self.knobs.dials.chained):
                return numbers, target

    def behaviors(self) -> frozenset[Behavior]:
        """What the next transcript is to show: mostly, or by the share of habits, nothing."""
        if not self._chance(self.knobs.habits):
            return frozenset()
        while True:
            chosen = frozenset(
                name for name, share in zip(BEHAVIORS, self.knobs.shows, strict=True) if self._chance(share)
            )
            if chosen:
                return chosen

    def drill(self) -> tuple[Said, ...]:
        """Sums to be done; the last one's result is held against a number, which is as often equal as not."""
        sums = [self._sum() for _ in range(_SUMS)]
        equal, own = self._chance(0.5), self.options
        other = sums[-1].result if equal else self.rng.randint(own.min_target, own.max_target)
        asked = ", ".join(f"{move.a}{move.operator}{move.b}" for move in sums)
        done = ", ".join(move.working for move in sums)
        verdict = "yes" if other == sums[-1].result else "no"
        return (
            Said("user", f"{asked}, want {other}", False),
            Said("assistant", f"{done}, want {other}: {verdict}.", True),
        )

    def _sum(self) -> Move:
        while True:
            found = moves(
                self.rng.randint(1, _LARGEST_OPERAND), self.rng.randint(1, self.options.max_number), LARGEST_NUMBER
            )
            if found:
                return self.rng.choice(found)

    def _chance(self, probability: float) -> bool:
        return self.rng.random() < probability
