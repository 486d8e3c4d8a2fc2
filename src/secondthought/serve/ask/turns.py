"""The turns of one question, each given out as it ends; they are those of `rollout.reflect_retry`, to the token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from secondthought.rollout.player import Keys, Player
from secondthought.rollout.reflect_retry import attempt, extend, reflect, retry
from secondthought.rollout.scheduler import Course
from secondthought.types import Episode, Problem, Turn, TurnKind

T = TypeVar("T")


def turns(player: Player, problem: Problem, keys: Keys, *, tries: int) -> Iterator[tuple[Episode, Turn]]:
    """Play a question until a try passes or there were `tries`, and yield each turn with the episode up to it."""
    turn = _one(player, attempt(player, problem, keys.of(problem, TurnKind.ATTEMPT, 0)), "the first try")
    episode = Episode(problem=problem, turns=())
    yield episode, turn
    episode = extend(episode, turn)
    for index in range(tries - 1):
        if episode.solved_by(tries):
            return
        reflection = _one(player, reflect(player, keys, episode, index), "the reflection")
        yield episode, reflection
        episode = extend(episode, reflection)
        again = _one(player, retry(player, keys, episode, index), "another try")
        yield episode, again
        episode = extend(episode, again)


def _one(player: Player, course: Course[T], what: str) -> T:
    [found] = player.run([course], what)
    return found
