"""The table of training arms: what a step starts from, how its groups are played, and how they are learned from.

    type           starts from      branches of a group            tokens that learn         baseline       loss
    reflect-retry  failed attempts  G reflections, k retries each  reflection | retry | all  group          surrogate
    retry-only     failed attempts  G retries, no reflection       retry                     group          surrogate
    grpo           problems         G attempts                     attempt                   group          surrogate
    rloo           problems         G attempts                     attempt                   leave-one-out  surrogate
    reinforce      problems         G attempts                     attempt                   batch | group  reinforce
    ppo            problems         G attempts                     attempt                   critic         surrogate

A new arm is a new row. The loop knows none of them by name. Baselines are computed in `credit` (the critic's in
`judgement`), losses in `learner`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from secondthought.config import RunConfig
from secondthought.protocols import Policy, Task
from secondthought.rollout.reflect_retry import Table, group_of_reflections, group_of_retries
from secondthought.rollout.requests import Requests
from secondthought.rollout.sampling import Keys, TurnSampling
from secondthought.rollout.scheduler import Course
from secondthought.rollout.single_turn import group_of_attempts
from secondthought.types import Failure, Group, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """Who plays what, and how."""

    config: RunConfig
    policy: Policy
    task: Task
    requests: Requests
    sampling: TurnSampling

    @classmethod
    def of(cls, config: RunConfig, policy: Policy, task: Task) -> Play:
        """Texts and lengths resolved from the config and the task."""
        return cls(
            config=config,
            policy=policy,
            task=task,
            requests=Requests.resolve(task, config.episode),
            sampling=TurnSampling.resolve(config.episode),
        )

    def table(self, keys: Keys) -> Table:
        """What courses need of it."""
        return Table(policy=self.policy, task=self.task, requests=self.requests, sampling=self.sampling, keys=keys)


def reflections(play: Play, failure: Failure, keys: Keys) -> Course[Group]:
    """G reflections on a failure, k retries each."""
    algorithm = play.config.algorithm
    return group_of_reflections(play.table(keys), failure, group_size=algorithm.group_size, retries=algorithm.retries)


def retries(play: Play, failure: Failure, keys: Keys) -> Course[Group]:
    """G retries on a failure, without a reflection."""
    return group_of_retries(play.table(keys), failure, group_size=play.config.algorithm.group_size)


def attempts(play: Play, problem: Problem, keys: Keys) -> Course[Group]:
    """G first tries at a problem."""
    return group_of_attempts(
        play.policy,
        play.task,
        problem,
        group_size=play.config.algorithm.group_size,
        sampling=play.sampling.attempt,
        keys=keys,
    )


Baseline: TypeAlias = Literal["group", "leave-one-out", "chosen", "critic"]
"""What a reward is compared with; `chosen` is what `algorithm.baseline` says."""
PolicyLoss: TypeAlias = Literal["surrogate", "reinforce"]


@dataclass(frozen=True, slots=True)
class FromFailures:
    """An arm whose groups branch at a failed attempt."""

    play: Callable[[Play, Failure, Keys], Course[Group]]
    baseline: Baseline = "group"
    loss: PolicyLoss = "surrogate"


@dataclass(frozen=True, slots=True)
class FromProblems:
    """An arm whose groups branch at the problem itself."""

    play: Callable[[Play, Problem, Keys], Course[Group]]
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
