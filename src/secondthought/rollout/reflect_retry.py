"""Attempt, reflection, retry: whole episodes, and groups that branch at one failed attempt.

    problem attempt | reflection request -> reflection | retry request -> retry
    `------------- trunk --------------'   `----------- tail ---------'

Each is a course (`in_flight`), so that phases of different episodes are sampled together. A retry keeps the trunk of
the reflection before it, so that a policy which shares trunks computes it once. Which tokens learn is not decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from secondthought.protocols import Policy, Task
from secondthought.rollout.requests import Requests
from secondthought.rollout.sampling import Keys, TurnSampling
from secondthought.rollout.scheduler import Ask, Course, Fork, run
from secondthought.rollout.single_turn import attempt
from secondthought.types import (
    Branch,
    Completion,
    Episode,
    Failure,
    Group,
    Problem,
    Prompt,
    TokenIds,
    Turn,
    TurnKind,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Who plays what, and how: all that courses of one kind have in common."""

    policy: Policy
    task: Task
    requests: Requests
    sampling: TurnSampling
    keys: Keys


def play(
    policy: Policy,
    task: Task,
    problems: Sequence[Problem],
    *,
    requests: Requests,
    sampling: TurnSampling,
    num_tries: int,
    keys: Keys,
) -> list[Episode]:
    """One episode per problem, in order: it ends at its first success or after `num_tries` tries.

    Each further round sees everything said before it. The sample of round r (0 is the first retry's) has index r.
    """
    table = Table(policy=policy, task=task, requests=requests, sampling=sampling, keys=keys)
    return run(policy, [_episode_of(table, problem, num_tries) for problem in problems])


def _episode_of(at: Table, problem: Problem, num_tries: int) -> Course[Episode]:
    key = at.keys.of(problem, TurnKind.ATTEMPT, 0)
    first = yield from attempt(at.policy, at.task, problem, at.sampling.attempt, key)
    episode = Episode(problem=problem, turns=(first,))
    for index in range(num_tries - 1):
        if episode.solved_by(num_tries):
            break
        reflection = yield from reflect(at, episode, index)
        episode = extend(episode, reflection)
        again = yield from retry(at, episode, index)
        episode = extend(episode, again)
    return episode


def reflect(at: Table, episode: Episode, *indices: int) -> Course[Turn]:
    """A reflection on a failed episode; `indices` name the sample."""
    follow = at.policy.follow(episode.turns[-1].completion, at.requests.reflection)
    prompt = _prompt(episode, follow, at.keys.of(episode.problem, TurnKind.REFLECTION, *indices))
    [completion] = yield Ask((prompt,), at.sampling.reflection)
    return Turn(kind=TurnKind.REFLECTION, prompt_ids=follow, completion=completion, verdict=None)


def retry(at: Table, episode: Episode, *indices: int) -> Course[Turn]:
    """A judged retry; it follows a reflection, or a failed try directly. `indices` name the sample."""
    follow = at.policy.follow(episode.turns[-1].completion, retry_request(episode, at.requests))
    prompt = _prompt(episode, follow, at.keys.of(episode.problem, TurnKind.RETRY, *indices))
    [completion] = yield Ask((prompt,), at.sampling.attempt)
    verdict = at.task.verify(episode.problem, completion.text)
    return Turn(kind=TurnKind.RETRY, prompt_ids=follow, completion=completion, verdict=verdict)


def give_reflection(policy: Policy, episode: Episode, request: str, reflection: Completion) -> Episode:
    """Add a reflection that was not asked of this policy: an oracle's, or another problem's."""
    follow = policy.follow(episode.turns[-1].completion, request)
    return extend(episode, Turn(kind=TurnKind.REFLECTION, prompt_ids=follow, completion=reflection, verdict=None))


def retry_request(episode: Episode, requests: Requests) -> str:
    """Text of the user turn before the next retry."""
    if episode.turns[-1].kind is TurnKind.REFLECTION:
        return requests.retry_after_reflection(episode.problem)
    return requests.retry_alone(episode.problem)


def group_of_reflections(at: Table, failure: Failure, *, group_size: int, retries: int) -> Course[Group]:
    """G reflections on a failed attempt, each followed by k retries that do not see one another."""
    branches: list[Branch] = yield Fork([_reflection_branch(at, failure, g, retries) for g in range(group_size)])
    return _group(failure, branches)


def _reflection_branch(at: Table, failure: Failure, g: int, retries: int) -> Course[Branch]:
    reflection = yield from reflect(at, _episode(failure), g)
    reflected = extend(_episode(failure), reflection)
    tries: list[Turn] = yield Fork([retry(at, reflected, g, k) for k in range(retries)])
    return Branch(reflection=reflection, tries=tuple(tries))


def group_of_retries(at: Table, failure: Failure, *, group_size: int) -> Course[Group]:
    """G retries after a failed attempt without a reflection: what being told "wrong" is worth by itself."""
    tries: list[Turn] = yield Fork([retry(at, _episode(failure), g) for g in range(group_size)])
    return _group(failure, [Branch(reflection=None, tries=(turn,)) for turn in tries])


def branch_reflections(at: Table, failures: Sequence[Failure], *, group_size: int, retries: int) -> list[Group]:
    """A group of reflections per failure, in order."""
    courses = [group_of_reflections(at, failure, group_size=group_size, retries=retries) for failure in failures]
    return run(at.policy, courses)


def extend(episode: Episode, turn: Turn) -> Episode:
    """Add one turn."""
    return replace(episode, turns=(*episode.turns, turn))


def _prompt(episode: Episode, follow: TokenIds, key: int) -> Prompt:
    """Cut the conversation so far, and what follows it, where a reflection begins."""
    *before, last = episode.turns
    earlier = sum((turn.ids for turn in before), ())
    if last.kind is TurnKind.REFLECTION:
        return Prompt(trunk=earlier + last.prompt_ids, tail=last.completion.token_ids + follow, key=key)
    return Prompt(trunk=earlier + last.ids + follow, key=key)


def _episode(failure: Failure) -> Episode:
    return Episode(problem=failure.problem, turns=(failure.attempt,))


def _group(failure: Failure, branches: Sequence[Branch]) -> Group:
    return Group(problem=failure.problem, history=(failure.attempt,), branches=tuple(branches))
