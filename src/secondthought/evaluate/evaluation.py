"""Playing problems to measure a policy. Nothing is learned here; what is counted is in `summary`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from secondthought.evaluate.quality import leaks
from secondthought.evaluate.rows import ProblemRow, TurnRow, hold_the_answer
from secondthought.protocols import DiagnosableTask, Policy
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.reflect_retry import play, text_before
from secondthought.types import Completion, Episode, Failure, Problem, TurnKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Problems as one policy played them at one temperature.

    `failures` are the failed first tries with their tokens, and `reflections` the first reflection on each where one
    was written: what controls start from. `right_tries` are the others, in the same form, for whoever asks what a
    reflection does to a right answer. An evaluation read from a file has none of them.
    """

    task: str
    policy: str
    temperature: float
    num_tries: int
    rows: tuple[ProblemRow, ...]
    failures: tuple[Failure, ...] = ()
    reflections: tuple[Completion, ...] = ()
    right_tries: tuple[Failure, ...] = ()


def evaluate(player: Player, problems: Sequence[Problem], *, num_tries: int, keys: Keys) -> Evaluation:
    """Play every problem. The same keys before and after training make the comparison a paired one."""
    episodes = play(player, problems, num_tries=num_tries, keys=keys)
    return Evaluation(
        task=player.task.name,
        policy=player.policy.name,
        temperature=player.temperature,
        num_tries=num_tries,
        rows=tuple(record(player, episode) for episode in episodes),
        failures=failures_of(episodes, player.policy),
        reflections=tuple(episode.turns[1].completion for episode in episodes if len(episode.turns) > 1),
        right_tries=_first_tries([episode for episode in episodes if episode.solved_by(1)], player.policy),
    )


def record(player: Player, episode: Episode) -> ProblemRow:
    """Reduce an episode to what the file needs."""
    task, problem = player.task, episode.problem
    reflections = [turn.completion.text for turn in episode.turns if turn.kind is TurnKind.REFLECTION]
    leak = tuple(task.leak(problem, text) for text in reflections) if isinstance(task, DiagnosableTask) else ()
    turns = episode.turns
    before = [Episode(problem=problem, turns=turns[:place]) for place in range(len(turns))]
    asked = [text_before(turn, so_far, player.requests) for turn, so_far in zip(turns, before, strict=True)]
    requests = [asked[0] or None, *asked[1:]]
    failed = [turn for turn, _ in itertools.pairwise(turns) if turn.verdict is not None]
    told = [text for turn in failed if (text := player.requests.told_of(turn.verdict))]
    return ProblemRow(
        problem_id=problem.id,
        data=problem.data,
        temperature=player.temperature,
        turns=tuple(TurnRow.of(turn, request) for turn, request in zip(turns, requests, strict=True)),
        leak=leak,
        reflection_leak=hold_the_answer(leak) or _leaks(player, problem, reflections),
        feedback_leak=_leaks(player, problem, told),
    )


def _leaks(player: Player, problem: Problem, texts: Sequence[str]) -> tuple[bool, ...]:
    """Return for each text whether it holds the right answer; nothing where that cannot be told."""
    return tuple(found for text in texts if (found := leaks(player.task, problem, text)) is not None)


def failures_of(episodes: Sequence[Episode], policy: Policy) -> tuple[Failure, ...]:
    """Collect the failed first tries, in order."""
    return _first_tries([episode for episode in episodes if not episode.solved_by(1)], policy)


def _first_tries(episodes: Sequence[Episode], policy: Policy) -> tuple[Failure, ...]:
    source = {"policy": policy.name}
    return tuple(Failure(problem=item.problem, attempt=item.turns[0], provenance=source) for item in episodes)
