"""The listening table, which says whether a model heeds reflections and decides whether an organism may ship.

A reflection can only be rewarded for what it says if retries depend on what it says. The table holds the rate of right
retries on the same failed first tries under reflections of known worth; the paired difference between the oracle's and
another problem's must be at least `SHIP_AT`. The controls are those of the evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from secondthought.evaluate.controls import listening, play_controls, rescue_rates
from secondthought.evaluate.evaluation import evaluate
from secondthought.progress import SILENT, Onlooker
from secondthought.protocols import Policy, Task
from secondthought.rollout.player import Keys, Player, Requests, TurnSampling
from secondthought.rollout.reflect_retry import branch_reflections
from secondthought.stats import Interval, wilson
from secondthought.types import Failure, Sampling

SHIP_AT = 0.25
"""Least difference between the oracle's reflections and another problem's for a model to ship."""
CONTROLS = ("oracle", "own", "shuffled", "fixed", "no_reflection", "contrary")
GROUP_SIZE = 16
TINY_SAMPLING = TurnSampling(attempt=Sampling(max_tokens=64), reflection=Sampling(max_tokens=96))
"""Ample for the shipped models, whose tries take about 20 tokens and reflections 6 to 60."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningRow:
    """A `ListeningRow` is one rate with its interval; `name` is a control, or one of the tries."""

    name: str
    rate: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningTable:
    """A `ListeningTable` says what a model does with reflections.

    `tries` are first and second try over all problems, `controls` right retries after failed first tries, `listening`
    the paired difference oracle minus shuffled. `mixed_groups` is the share of groups of 16 reflections on one failure
    whose retries are neither all right nor all wrong: the groups that reinforcement learning can use.
    """

    policy: str
    tries: tuple[ListeningRow, ...]
    controls: tuple[ListeningRow, ...]
    listening: Interval
    mixed_groups: Interval

    @property
    def may_ship(self) -> bool:
        """Return True if the difference is at least `SHIP_AT`; False also where it is undefined."""
        return self.listening.estimate >= SHIP_AT

    def lines(self) -> Iterator[str]:
        """Yield the table as text, one line per row."""
        yield f"{'':<24}{'rate':>6}  {'95 % interval':<14}{'n':>6}"
        rows = (
            *self.tries,
            *(ListeningRow(name=f"retry: {row.name}", rate=row.rate) for row in self.controls),
            ListeningRow(name="oracle minus shuffled", rate=self.listening),
            ListeningRow(name="mixed groups", rate=self.mixed_groups),
        )
        for row in rows:
            rate = row.rate
            yield f"{row.name:<24}{rate.estimate:>6.3f}  [{rate.low:.3f}, {rate.high:.3f}]{rate.n:>6}"


def check(
    policy: Policy,
    task: Task,
    count: int = 1000,
    seed: int = 0,
    sampling: TurnSampling = TINY_SAMPLING,
    *,
    num_groups: int = 64,
    onlooker: Onlooker = SILENT,
) -> ListeningTable:
    """Play `count` test problems and every control on the failures among them.

    Args:
        policy: the model that plays.
        task: the task that judges; without an oracle the listening difference is NaN.
        count: test problems.
        seed: decides the problems and what is sampled.
        sampling: lengths and temperature.
        num_groups: failures on which a whole group of reflections is drawn.
        onlooker: who is told how far it is.

    Raises:
        TaskError: the test split holds fewer than `count` problems.
    """
    requests = Requests(reflection=task.reflection_request)
    player = Player(policy=policy, task=task, requests=requests, sampling=sampling, onlooker=onlooker)
    keys = Keys(seed=seed, phase="organism check")
    played = evaluate(player, task.problems("test", count, seed), num_tries=2, keys=keys)
    outcomes = play_controls(player, played.failures, keys=keys, controls=CONTROLS, reflections=played.reflections)
    rates = rescue_rates(outcomes)
    solved = {tries: sum(row.solved_by(tries) for row in played.rows) for tries in (1, 2)}
    return ListeningTable(
        policy=policy.name,
        tries=(
            ListeningRow(name="first try", rate=wilson(solved[1], count)),
            ListeningRow(name="second try", rate=wilson(solved[2], count)),
        ),
        controls=tuple(ListeningRow(name=name, rate=rates[name]) for name in CONTROLS),
        listening=listening(outcomes),
        mixed_groups=_mixed_groups(player, keys, played.failures[:num_groups]),
    )


def _mixed_groups(player: Player, keys: Keys, failures: Sequence[Failure]) -> Interval:
    groups = branch_reflections(player, keys, failures, group_size=GROUP_SIZE, retries=1)
    return wilson(sum(len(set(group.rewards)) > 1 for group in groups), len(groups))
