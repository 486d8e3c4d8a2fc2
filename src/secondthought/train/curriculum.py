"""A curriculum says what each step starts from: a function of the step alone, so that resuming needs no state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from secondthought import rng
from secondthought.config import RunConfig
from secondthought.rollout.mining import Mined, MiningStats, mine_one, stats_of
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.scheduler import Course
from secondthought.train.algorithms import BRANCHES
from secondthought.types import Failure, Group, Problem

T = TypeVar("T")


class ShuffledPool(Generic[T]):
    """A pool that is gone through again and again, each round in a new order.

    A round is a whole number of steps, so no step holds an item twice; what does not fill a step sits the round out.
    """

    def __init__(self, pool: Sequence[T], seed: int) -> None:
        self.pool = pool
        self.seed = seed
        self._lap = -1
        self._order: list[int] = []

    def take(self, step: int, count: int) -> list[T]:
        """Return the `count` items of a step, counted from 1; a smaller pool gives each item at most once a step."""
        size = min(count, len(self.pool))
        lap, place = divmod(step - 1, len(self.pool) // size)
        if lap != self._lap:
            self._lap, self._order = lap, list(range(len(self.pool)))
            rng.stream(self.seed, "curriculum", lap).shuffle(self._order)
        return [self.pool[index] for index in self._order[place * size : (place + 1) * size]]


class Played(NamedTuple):
    """The groups of a step and, where failures were mined for it, what mining found."""

    groups: list[Group]
    mining: MiningStats | None


class Curriculum:
    """Takes the starts of a step and has them played."""

    def __init__(
        self, player: Player, config: RunConfig, problems: Sequence[Problem], failures: Sequence[Failure] | None
    ) -> None:
        self.player = player
        self.config = config
        self.problems = ShuffledPool(problems, config.seed)
        self.failures = None if failures is None else ShuffledPool(failures, config.seed)

    def groups(self, step: int) -> Played:
        """Play a step's groups; problems that the policy never failed give none."""
        keys = Keys(seed=self.config.seed, phase="rollout", step=step)
        count = self.config.train.groups_per_step
        if self.config.algorithm.row.starts_from == "problems":
            return self._played(self.problems.take(step, count), keys)
        if self.failures is not None:
            return self._played(self.failures.take(step, count), keys)
        courses = [self._mine_and_play(item, keys) for item in self.problems.take(step, count)]
        found = self.player.run(courses, "groups of this step")
        groups = [group for _, group in found if group is not None]
        return Played(groups, stats_of([mined for mined, _ in found]))

    def _played(self, starts: Sequence[Problem] | Sequence[Failure], keys: Keys) -> Played:
        return Played(self.player.run([self._group(start, keys) for start in starts], "groups of this step"), None)

    def _group(self, start: Problem | Failure, keys: Keys) -> Course[Group]:
        algorithm = self.config.algorithm
        return BRANCHES[algorithm.row.branches](self.player, algorithm, start, keys)

    def _mine_and_play(self, problem: Problem, keys: Keys) -> Course[tuple[Mined, Group | None]]:
        """Try a problem until a try fails, and play a group on that failure while others are still tried."""
        mined = yield from mine_one(
            self.player,
            problem,
            tries=self.config.train.mine_tries,
            keys=Keys(seed=keys.seed, phase="mining", step=keys.step),
        )
        if mined.failure is None:
            return mined, None
        group = yield from self._group(mined.failure, keys)
        return mined, group
