"""Which problems or failures each step starts from: a function of the step alone, so that resuming needs no state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from secondthought import rng
from secondthought.config import RunConfig
from secondthought.rollout.mining import Mined, MiningStats, mine_one, stats_of
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.scheduler import Course, run
from secondthought.train.algorithms import Algorithm, FromFailures, FromProblems
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
        """The `count` items of a step, counted from 1; a smaller pool gives each item at most once a step."""
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
        self,
        player: Player,
        config: RunConfig,
        algorithm: Algorithm,
        problems: Sequence[Problem],
        failures: Sequence[Failure] | None,
    ) -> None:
        self.player = player
        self.config = config
        self.algorithm = algorithm
        self.problems = ShuffledPool(problems, config.seed)
        self.failures = None if failures is None else ShuffledPool(failures, config.seed)

    def groups(self, step: int) -> Played:
        """Play a step's groups; problems that the policy never failed give none."""
        keys = Keys(seed=self.config.seed, phase="rollout", step=step)
        count = self.config.train.groups_per_step
        player, algorithm = self.player, self.config.algorithm
        if isinstance(self.algorithm, FromProblems):
            play = self.algorithm.play
            problems = self.problems.take(step, count)
            return Played(run(player.policy, [play(player, algorithm, item, keys) for item in problems]), None)
        if self.failures is not None:
            branch = self.algorithm.play
            failures = self.failures.take(step, count)
            return Played(run(player.policy, [branch(player, algorithm, item, keys) for item in failures]), None)
        courses = [self._mine_and_play(self.algorithm, item, keys) for item in self.problems.take(step, count)]
        found = run(player.policy, courses)
        groups = [group for _, group in found if group is not None]
        return Played(groups, stats_of([mined for mined, _ in found]))

    def _mine_and_play(
        self, algorithm: FromFailures, problem: Problem, keys: Keys
    ) -> Course[tuple[Mined, Group | None]]:
        """Try a problem until a try fails, and play a group on that failure while others are still tried."""
        mined = yield from mine_one(
            self.player,
            problem,
            tries=self.config.train.mine_tries,
            keys=Keys(seed=keys.seed, phase="mining", step=keys.step),
        )
        if mined.failure is None:
            return mined, None
        group = yield from algorithm.play(self.player, self.config.algorithm, mined.failure, keys)
        return mined, group
