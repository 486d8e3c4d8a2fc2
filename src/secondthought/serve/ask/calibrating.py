"""Playing problems twice as an open question would be, with a check that looks on and says nothing."""

from __future__ import annotations

from collections.abc import Sequence

from secondthought.evaluate.calibration import says_right
from secondthought.evaluate.retried import is_other_answer
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.reflect_retry import attempt, extend, reflect, retry
from secondthought.rollout.scheduler import Course
from secondthought.serve.ask.rule import TriedTwice
from secondthought.types import Episode, Failure, Problem, TurnKind


def tried_twice(player: Player, problems: Sequence[Problem], keys: Keys) -> list[TriedTwice]:
    """Try every problem twice, whatever came of the first try.

    Args:
        player: who plays; its requests must not tell a verdict, since an open question has none.
        problems: the problems, in order.
        keys: names of the samples.
    """
    return player.run([_tried_twice(player, problem, keys) for problem in problems], "problems")


def _tried_twice(player: Player, problem: Problem, keys: Keys) -> Course[TriedTwice]:
    first = yield from attempt(player, problem, keys.of(problem, TurnKind.ATTEMPT, 0))
    says = yield from says_right(player, Failure(problem=problem, attempt=first, provenance={}), keys)
    episode = Episode(problem=problem, turns=(first,))
    reflection = yield from reflect(player, keys, episode, 0)
    second = yield from retry(player, keys, extend(episode, reflection), 0)
    texts = first.completion.text, second.completion.text
    return TriedTwice(
        problem_id=problem.id,
        says_right=says,
        changed=is_other_answer(player.task, problem, *texts),
        first=first.verdict is not None and first.verdict.correct,
        second=second.verdict is not None and second.verdict.correct,
    )
