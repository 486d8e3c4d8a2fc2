"""The branches that an algorithm's groups are made of, played: functions of a player, the settings, a start and keys.

Which algorithm has which branches is a row of `config.algorithms`; a new kind of branches is a new row here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from secondthought.config import AlgorithmConfig
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.reflect_retry import (
    group_of_attempts,
    group_of_attempts_and_retries,
    group_of_reflections,
    group_of_retries,
)
from secondthought.rollout.scheduler import Course
from secondthought.types import Failure, Group, Problem

PlayGroup: TypeAlias = Callable[[Player, AlgorithmConfig, Any, Keys], Course[Group]]
"""Plays one group from its start: a `Failure` or a `Problem`, as the row says."""


def reflections(player: Player, config: AlgorithmConfig, failure: Failure, keys: Keys) -> Course[Group]:
    """Play G reflections on a failure, k retries each."""
    return group_of_reflections(player, keys, failure, group_size=config.group_size, retries=config.retries)


def retries(player: Player, config: AlgorithmConfig, failure: Failure, keys: Keys) -> Course[Group]:
    """Play G retries on a failure, without a reflection."""
    return group_of_retries(player, keys, failure, group_size=config.group_size)


def attempts(player: Player, config: AlgorithmConfig, problem: Problem, keys: Keys) -> Course[Group]:
    """Play G first tries at a problem."""
    return group_of_attempts(player, keys, problem, group_size=config.group_size)


def attempts_and_retries(player: Player, config: AlgorithmConfig, problem: Problem, keys: Keys) -> Course[Group]:
    """Play G first tries at a problem, and a reflection and a retry after each of the second half that fails."""
    return group_of_attempts_and_retries(player, keys, problem, group_size=config.group_size)


BRANCHES: dict[str, PlayGroup] = {
    "reflections": reflections,
    "retries": retries,
    "attempts": attempts,
    "attempts-and-retries": attempts_and_retries,
}
"""Kinds of branches by name; a row may be added from outside before a run."""
