"""The search for plans of Countdown thoughts, drawn over exact solutions.

A plan is written backwards from its last attempt, which is right or wrong as the dials say; the attempts before it are
misses. All choices are drawn from the generator that is passed in, and every right line comes from exact search.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from secondthought.tasks.countdown import canonical
from secondthought.tasks.countdown.writing.moves import (
    LineOfPlay,
    Move,
    Numbers,
    Tree,
    choices,
    is_clear,
    left_after,
    moves,
    solutions,
    tree,
)
from secondthought.tasks.countdown.writing.plans import Dials, PlannedAttempt, ThoughtPlan
from secondthought.types import HabitName

_TRIES = 60
"""Draws before a wish (another attempt, an aim) is dropped: some numbers do not lend themselves to it."""


class Searcher:
    """A `Searcher` draws plans with one random stream."""

    def __init__(self, rng: random.Random, dials: Dials) -> None:
        self.rng, self.dials = rng, dials

    def plan(
        self, numbers: Numbers, target: int, allowed: frozenset[HabitName], *, correct: bool | None = None
    ) -> ThoughtPlan | None:
        """Draw a thought that shows of `allowed` what the problem lends itself to, and nothing else.

        Args:
            numbers: the given numbers; the target must not be among them.
            target: the number to be made.
            allowed: habits that the thought is to show.
            correct: True if it is to end at the target; default: as the dials say.

        Returns:
            None where there is no line of the wanted kind: no solution in whole numbers, say.
        """
        right = self._chance(self.dials.correct) if correct is None else correct
        count = self._count() if "backtracking" in allowed else 1
        last = self._last(numbers, target, allowed, right)
        if last is None:
            return None
        attempts = [last]
        while len(attempts) < count:
            before = self._before(numbers, target, allowed, attempts)
            if before is None:
                break
            attempts = before
        if len(attempts) == 1 and count > 1:
            return None
        shown: set[HabitName] = set(allowed & {"verification"})
        if len(attempts) > 1:
            shown.add("backtracking")
        if any(item.subgoal is not None for item in attempts):
            shown.add("subgoal_setting")
        if any(item.backward for item in attempts):
            shown.add("backward_chaining")
        return ThoughtPlan(numbers=numbers, target=target, attempts=tuple(attempts), behaviors=frozenset(shown))

    def _count(self) -> int:
        weights = self.dials.attempts
        return self.rng.choices(range(1, len(weights) + 1), weights)[0]

    def _last(self, numbers: Numbers, target: int, allowed: frozenset[HabitName], right: bool) -> PlannedAttempt | None:
        line = self._hit(numbers, target) if right else self._miss((), numbers, target)
        return self._aimed(line, numbers, target, allowed, certain=True) if line else None

    def _hit(self, numbers: Numbers, target: int) -> LineOfPlay | None:
        found = solutions(tuple(sorted(numbers)), target, self.dials.largest, self.dials.chained)
        return self.rng.choice(found) if found else None

    def _before(
        self, numbers: Numbers, target: int, allowed: frozenset[HabitName], later: Sequence[PlannedAttempt]
    ) -> list[PlannedAttempt] | None:
        """Return the attempts with one more miss in front, unlike all of them."""
        following = later[0]
        for _ in range(_TRIES):
            kept = self._kept(following, numbers)
            line = self._miss(following.line[:kept], numbers, target)
            if line and self._chance(self.dials.early) and len(line) > kept + 1:
                line = line[: self.rng.randrange(kept + 1, len(line))]
            changed = replace(following, kept=kept)
            after = [changed, *later[1:]]
            if line and all(_made(line, kept).isdisjoint(_made(item.line, item.kept)) for item in after):
                return [self._aimed(line, numbers, target, allowed, certain=False), *after]
        return None

    def _kept(self, following: PlannedAttempt, numbers: Numbers) -> int:
        """Draw how many moves the attempt before is to share with this one, which keeps them."""
        most = min(len(following.line) - 1, len(numbers) - 2)
        aimed = following.subgoal is not None or following.backward is not None
        return self.rng.randint(1, most) if most > 0 and not aimed and self._chance(self.dials.back) else 0

    def _miss(self, prefix: LineOfPlay, numbers: Numbers, target: int) -> LineOfPlay | None:
        """Draw a complete line that begins so, from whose last two numbers the target cannot be made."""
        for _ in range(_TRIES):
            line = self._played_on(list(prefix), numbers, target)
            if line and is_clear(line, numbers, target):
                return line
        return None

    def _played_on(self, line: list[Move], numbers: Numbers, target: int) -> LineOfPlay | None:
        """Play random moves after the given ones until one number is left; None where the target came into reach."""
        pool = numbers
        for move in line:
            pool = left_after(pool, move)
        while len(pool) > 1:
            found: Sequence[Move] = choices(pool, self.dials.largest, chained=self.dials.chained and bool(line))
            if not found or any(move.result == target for move in found):
                return None
            if len(pool) == 2 and self._chance(self.dials.nearest):
                found = [min(found, key=lambda move: abs(move.result - target))]
            elif len(pool) == 3 and self._chance(self.dials.within_reach):
                found = [move for move in found if _within_reach(move, pool, target)] or found
            line.append(self.rng.choice(found))
            pool = left_after(pool, line[-1])
        return tuple(line)

    def _aimed(
        self, line: LineOfPlay, numbers: Numbers, target: int, allowed: frozenset[HabitName], *, certain: bool
    ) -> PlannedAttempt:
        """Make an attempt of a line, with an aim where one is allowed; `certain` is for the one that must show it."""
        if not certain and not self._chance(self.dials.aims):
            return PlannedAttempt(line=line)
        wanted = [name for name in ("subgoal_setting", "backward_chaining") if name in allowed]
        self.rng.shuffle(wanted)
        for name in wanted:
            if name == "subgoal_setting":
                results = [move.result for move in line[:-1][: self.dials.subgoal_moves]]
                if results:
                    return PlannedAttempt(line=line, subgoal=self.rng.choice(results))
            else:
                step = self._backward(line, numbers, target)
                if step:
                    return PlannedAttempt(line=line, backward=step)
        return PlannedAttempt(line=line)

    def _backward(self, line: LineOfPlay, numbers: Numbers, target: int) -> Move | None:
        """Draw the step from the target to what was needed before the last given number of the line is used."""
        if len(line) < len(numbers) - 1:
            return None
        move = line[-1]
        before = line[-2].result if len(line) > 1 else None
        own = move.b if move.a == before else move.a
        if before not in (move.a, move.b) or own not in numbers:
            return None
        found = [step for step in undo(target, own, self.dials.largest) if step.result not in (target, *numbers)]
        if move.result == target:
            found = [step for step in found if step.result == before]
        else:
            found = [step for step in found if step.result != before]
        return self.rng.choice(found) if found else None

    def _chance(self, probability: float) -> bool:
        return self.rng.random() < probability


def undo(target: int, number: int, largest: int) -> list[Move]:
    """Return the steps from the target backwards over one number: what would have to stand there before.

    >>> [step.working for step in undo(24, 6, 200)]
    ['24-6=18', '24+6=30', '24/6=4', '24*6=144']
    """
    found = []
    for move in moves(target, number, largest):
        if move.a == target and move.result != target:
            found.append(move)
    order = "-+/*"
    return sorted(found, key=lambda move: order.index(move.operator))


def _made(line: LineOfPlay, kept: int) -> set[canonical.Node]:
    """Return what the new moves of a line make, however it is written: nothing is worked out twice in a plan."""
    return {_canonical(tree(line[: count + 1])) for count in range(kept, len(line))}


def _canonical(node: Tree) -> canonical.Node:
    if isinstance(node, int):
        return canonical.leaf(node)
    left, operator, right = node
    return canonical.join(_canonical(left), operator, _canonical(right))


def _within_reach(move: Move, pool: Numbers, target: int) -> bool:
    return abs(move.result - target) <= max(left_after(pool, move)[:-1])
