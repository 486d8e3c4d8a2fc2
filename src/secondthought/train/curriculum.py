"""Which problems or failures each step starts from: a function of the step alone, so that resuming needs no state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from secondthought import rng
from secondthought.rollout.mining import Mined, MiningStats, mine_one, stats_of
from secondthought.rollout.sampling import Keys
from secondthought.rollout.scheduler import Course, run
from secondthought.train.algorithms import Algorithm, FromFailures, FromProblems, Play
from secondthought.types import Failure, Group, Problem

T = TypeVar("T")


class Rounds(Generic[T]):
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
        self, play: Play, algorithm: Algorithm, problems: Sequence[Problem], failures: Sequence[Failure] | None
    ) -> None:
        self.play = play
        self.algorithm = algorithm
        self.problems = Rounds(problems, play.config.seed)
        self.failures = None if failures is None else Rounds(failures, play.config.seed)

    def groups(self, step: int) -> Played:
        """Play a step's groups; problems that the policy never failed give none."""
        play, keys = self.play, Keys(seed=self.play.config.seed, phase="rollout", step=step)
        count = play.config.train.groups_per_step
        if isinstance(self.algorithm, FromProblems):
            problems = self.problems.take(step, count)
            return Played(run(play.policy, [self.algorithm.play(play, item, keys) for item in problems]), None)
        if self.failures is not None:
            failures = self.failures.take(step, count)
            return Played(run(play.policy, [self.algorithm.play(play, item, keys) for item in failures]), None)
        courses = [self._mine_and_play(self.algorithm, item, keys) for item in self.problems.take(step, count)]
        found = run(play.policy, courses)
        groups = [group for _, group in found if group is not None]
        return Played(groups, stats_of([mined for mined, _ in found]))

    def _mine_and_play(
        self, algorithm: FromFailures, problem: Problem, keys: Keys
    ) -> Course[tuple[Mined, Group | None]]:
        """Try a problem until a try fails, and play a group on that failure while others are still tried."""
        play = self.play
        mined = yield from mine_one(
            play.policy,
            play.task,
            problem,
            tries=play.config.train.mine_tries,
            sampling=play.sampling.attempt,
            keys=Keys(seed=keys.seed, phase="mining", step=keys.step),
        )
        if mined.failure is None:
            return mined, None
        group = yield from algorithm.play(play, mined.failure, keys)
        return mined, group
