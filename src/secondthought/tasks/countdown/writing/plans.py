"""The plan of a Countdown thought says what is tried, given up, checked and aimed at, before any word is chosen."""

from __future__ import annotations

from dataclasses import dataclass

from secondthought.tasks.countdown.writing.moves import LineOfPlay, Move, Numbers, Tree, tree
from secondthought.types import HabitName


@dataclass(frozen=True, slots=True, kw_only=True)
class Dials:
    """`Dials` say how thoughts are made; shares are probabilities."""

    correct: float = 0.5
    """Share of thoughts that end at the target."""
    attempts: tuple[float, ...] = (0.0, 0.3, 0.3, 0.2, 0.1, 0.1)
    """Shares of thoughts with 1, 2, 3, ... attempts where backtracking is allowed; without it there is one."""
    early: float = 0.3
    """An attempt that fails is given up before its last move."""
    back: float = 0.4
    """The next attempt keeps the first moves of the one before, in place of starting anew."""
    aims: float = 0.5
    """A fresh attempt states a subgoal or works from the target backwards, where that is allowed."""
    largest: int = 999
    """No result beyond this is written."""
    chained: bool = False
    """Every move after the first uses the result of the one before."""
    subgoal_moves: int = 2
    """A subgoal is reached within so many moves."""
    nearest: float = 0.7
    """The last move of a miss is the one that comes nearest to the target, not any."""
    within_reach: float = 0.5
    """The move before the last of a miss keeps the target within reach of what is left, by sum or difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAttempt:
    """A `PlannedAttempt` is one line of play.

    `line` holds the moves from the given numbers on; the first `kept` of them were made by the attempt before.
    `subgoal` is a result that is named before it is reached; `backward` is a step from the target to what is needed.
    """

    line: LineOfPlay
    kept: int = 0
    subgoal: int | None = None
    backward: Move | None = None

    @property
    def result(self) -> int:
        """Return the result that the line has come to."""
        return self.line[-1].result

    @property
    def fresh(self) -> LineOfPlay:
        """Return the moves that are new."""
        return self.line[self.kept :]


@dataclass(frozen=True, slots=True, kw_only=True)
class ThoughtPlan:
    """A `ThoughtPlan` is a whole thought about one problem; the last attempt is complete and is the answer."""

    numbers: Numbers
    target: int
    attempts: tuple[PlannedAttempt, ...]
    behaviors: frozenset[HabitName]
    """Habits that the thought shows; `verification` says that results are compared with the target in words."""

    @property
    def answer(self) -> Tree:
        """Return the expression that is answered."""
        return tree(self.attempts[-1].line)

    @property
    def correct(self) -> bool:
        """Return True if the answer is right."""
        return self.attempts[-1].result == self.target

    def complete(self, attempt: PlannedAttempt) -> bool:
        """Return True if an attempt has used every number."""
        return len(attempt.line) == len(self.numbers) - 1
