"""The table of training arms: what a step starts from, how its groups are played, and how they are learned from.

    type           starts from      branches of a group            tokens that learn         baseline       loss
    reflect-retry  failed attempts  G reflections, k retries each  reflection | retry | all  group          surrogate
    retry-only     failed attempts  G retries, no reflection       retry                     group          surrogate
    grpo           problems         G attempts                     attempt                   group          surrogate
    rloo           problems         G attempts                     attempt                   leave-one-out  surrogate
    reinforce      problems         G attempts                     attempt                   batch | group  reinforce
    ppo            problems         G attempts                     attempt                   critic         surrogate

A new arm is a new row. The loop knows none of them by name. Baselines are computed in `credit` (the critic's in
`critic.advantages`), losses in `learner`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from secondthought.config import AlgorithmConfig
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.reflect_retry import group_of_attempts, group_of_reflections, group_of_retries
from secondthought.rollout.scheduler import Course
from secondthought.types import Failure, Group, Problem


def reflections(player: Player, config: AlgorithmConfig, failure: Failure, keys: Keys) -> Course[Group]:
    """Play G reflections on a failure, k retries each."""
    return group_of_reflections(player, keys, failure, group_size=config.group_size, retries=config.retries)


def retries(player: Player, config: AlgorithmConfig, failure: Failure, keys: Keys) -> Course[Group]:
    """Play G retries on a failure, without a reflection."""
    return group_of_retries(player, keys, failure, group_size=config.group_size)


def attempts(player: Player, config: AlgorithmConfig, problem: Problem, keys: Keys) -> Course[Group]:
    """Play G first tries at a problem."""
    return group_of_attempts(player, keys, problem, group_size=config.group_size)


Baseline: TypeAlias = Literal["group", "leave-one-out", "chosen", "critic"]
"""What a reward is compared with; `chosen` is what `algorithm.baseline` says."""
PolicyLoss: TypeAlias = Literal["surrogate", "reinforce"]


@dataclass(frozen=True, slots=True)
class FromFailures:
    """An arm whose groups branch at a failed attempt."""

    play: Callable[[Player, AlgorithmConfig, Failure, Keys], Course[Group]]
    baseline: Baseline = "group"
    loss: PolicyLoss = "surrogate"


@dataclass(frozen=True, slots=True)
class FromProblems:
    """An arm whose groups branch at the problem itself."""

    play: Callable[[Player, AlgorithmConfig, Problem, Keys], Course[Group]]
    baseline: Baseline = "group"
    loss: PolicyLoss = "surrogate"


Algorithm: TypeAlias = FromFailures | FromProblems

ALGORITHMS: dict[str, Algorithm] = {
    "reflect-retry": FromFailures(reflections),
    "retry-only": FromFailures(retries),
    "grpo": FromProblems(attempts),
    "rloo": FromProblems(attempts, baseline="leave-one-out"),
    "reinforce": FromProblems(attempts, baseline="chosen", loss="reinforce"),
    "ppo": FromProblems(attempts, baseline="critic"),
}
