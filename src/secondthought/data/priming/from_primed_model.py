"""Wrong tries of a primed model become traces that prime another: they have its habits and no right answer.

The incorrect-only set of Four Habits was made so (the released code samples the model that was primed with all
strategies, on fresh problems, and keeps what scores 0). A wrong trace that search writes differs: it ends every
comparison in a no, and a model that learns from such traces alone never says yes.
"""

from __future__ import annotations

from collections.abc import Iterator

from secondthought import rng, tasks
from secondthought.config import EpisodeConfig, ModelConfig, TaskConfig
from secondthought.data.priming.filtering import TraceFilter
from secondthought.data.priming.from_search import Trace
from secondthought.errors import TaskError
from secondthought.inference.loading import load_policy
from secondthought.protocols import Task
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.reflect_retry import attempt
from secondthought.types import Problem, StopReason, TurnKind

CUT_OFF = "cut off at the token limit"
_CHUNK = 256
"""Problems that are tried between two looks at whether there is enough."""


def wrong_tries(
    model: ModelConfig, task: TaskConfig, episode: EpisodeConfig, *, count: int, seed: int
) -> tuple[Trace, ...]:
    """Sample as many wrong first tries as asked for that came to their end, one per problem of the train split.

    Raises:
        RunError: the split holds too few problems that the model fails.
    """
    game, policy = tasks.load(task.name, task.options), load_policy(model)
    taken = TraceFilter(game, count, correct=False)
    player, keys = Player.resolve(policy, game, episode), Keys(seed=seed, phase="wrong tries")
    for problems in _chunks(game, rng.key("wrong tries", seed)):
        turns = player.run([attempt(player, one, keys.of(one, TurnKind.ATTEMPT, 0)) for one in problems], "problems")
        for problem, turn in zip(problems, turns, strict=True):
            if turn.completion.stop is StopReason.END:
                taken.offer(problem, turn.completion.text)
            else:
                taken.left_out[CUT_OFF] += 1
        if taken.is_full:
            break
    return taken.require(f"wrong tries of {model.path}")


def _chunks(task: Task, seed: int) -> Iterator[list[Problem]]:
    """Yield the problems of the train split in chunks, each problem once."""
    seen, size = set[str](), _CHUNK
    while size:
        try:
            drawn = task.problems("train", len(seen) + size, seed)
        except TaskError:  # there are fewer; how many is for the task to know
            size //= 2
            continue
        fresh = [problem for problem in drawn if problem.id not in seen]
        if not fresh:
            return
        seen.update(problem.id for problem in fresh)
        yield fresh
