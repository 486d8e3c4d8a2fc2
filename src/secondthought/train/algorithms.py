"""The table of training arms: what a step starts from and how its groups are played. Credit is in `credit.py`.

    type           starts from        branches of a group            tokens that learn (algorithm.credit)
    reflect-retry  failed attempts    G reflections, k retries each  reflection | retry | all
    retry-only     failed attempts    G retries, no reflection       retry
    grpo           problems           G attempts                     attempt

A new arm is a new row. The loop knows none of them by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from secondthought.config import RunConfig
from secondthought.episodes.reflect_retry import branch_reflections, branch_retries
from secondthought.episodes.requests import Requests
from secondthought.episodes.sampling import Keys, TurnSampling
from secondthought.episodes.single_turn import branch_attempts
from secondthought.protocols import Policy, Task
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


def reflections(play: Play, failures: Sequence[Failure], keys: Keys) -> list[Group]:
    """G reflections on each failure, k retries each."""
    return branch_reflections(
        play.policy,
        play.task,
        failures,
        group_size=play.config.algorithm.group_size,
        retries=play.config.algorithm.retries,
        requests=play.requests,
        sampling=play.sampling,
        keys=keys,
    )


def retries(play: Play, failures: Sequence[Failure], keys: Keys) -> list[Group]:
    """G retries on each failure, without a reflection."""
    return branch_retries(
        play.policy,
        play.task,
        failures,
        group_size=play.config.algorithm.group_size,
        requests=play.requests,
        sampling=play.sampling,
        keys=keys,
    )


def attempts(play: Play, problems: Sequence[Problem], keys: Keys) -> list[Group]:
    """G first tries at each problem."""
    return branch_attempts(
        play.policy,
        play.task,
        problems,
        group_size=play.config.algorithm.group_size,
        sampling=play.sampling.attempt,
        keys=keys,
    )


@dataclass(frozen=True, slots=True)
class FromFailures:
    """An arm whose groups branch at a failed attempt."""

    play: Callable[[Play, Sequence[Failure], Keys], list[Group]]


@dataclass(frozen=True, slots=True)
class FromProblems:
    """An arm whose groups branch at the problem itself."""

    play: Callable[[Play, Sequence[Problem], Keys], list[Group]]


Algorithm: TypeAlias = FromFailures | FromProblems

ALGORITHMS: dict[str, Algorithm] = {
    "reflect-retry": FromFailures(reflections),
    "retry-only": FromFailures(retries),
    "grpo": FromProblems(attempts),
}
