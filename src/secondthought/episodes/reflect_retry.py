"""Attempt, reflection, retry: whole episodes, and groups that branch at one failed attempt.

    problem attempt | reflection request -> reflection | retry request -> retry
    `------------- trunk --------------'   `----------- tail ---------'

Every phase is one call of `policy.sample` for all problems at once. A retry keeps the trunk of the reflection before
it, so that a policy which shares trunks computes it once for all of a group's reflections and again for its retries.
Which tokens learn is not decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from secondthought.episodes.requests import Requests
from secondthought.episodes.sampling import Keys, TurnSampling
from secondthought.episodes.single_turn import attempt
from secondthought.protocols import Policy, Task
from secondthought.types import (
    Branch,
    Completion,
    Episode,
    Failure,
    Group,
    Problem,
    Prompt,
    Sampling,
    TokenIds,
    Turn,
    TurnKind,
)


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
    first = [keys.of(problem, TurnKind.ATTEMPT, 0) for problem in problems]
    tries = attempt(policy, task, problems, sampling.attempt, first)
    episodes = [Episode(problem=problem, turns=(turn,)) for problem, turn in zip(problems, tries, strict=True)]
    for index in range(num_tries - 1):
        open_ones = [place for place, episode in enumerate(episodes) if not episode.solved_by(num_tries)]
        failed = [episodes[place] for place in open_ones]
        retried = play_round(policy, task, failed, requests=requests, sampling=sampling, keys=keys, index=index)
        for place, episode in zip(open_ones, retried, strict=True):
            episodes[place] = episode
    return episodes


def play_round(
    policy: Policy,
    task: Task,
    episodes: Sequence[Episode],
    *,
    requests: Requests,
    sampling: TurnSampling,
    keys: Keys,
    index: int = 0,
) -> list[Episode]:
    """Failed episodes, each with a reflection and a retry more."""
    names = [keys.of(episode.problem, TurnKind.REFLECTION, index) for episode in episodes]
    reflections = reflect(policy, episodes, requests.reflection, sampling.reflection, names)
    reflected = [extend(episode, turn) for episode, turn in zip(episodes, reflections, strict=True)]
    names = [keys.of(episode.problem, TurnKind.RETRY, index) for episode in episodes]
    retries = retry(policy, task, reflected, requests, sampling.attempt, names)
    return [extend(episode, turn) for episode, turn in zip(reflected, retries, strict=True)]


def reflect(
    policy: Policy, episodes: Sequence[Episode], request: str, sampling: Sampling, keys: Sequence[int]
) -> list[Turn]:
    """One reflection per failed episode, in order."""
    follows = [policy.follow(episode.turns[-1].completion, request) for episode in episodes]
    prompts = [_prompt(*item) for item in zip(episodes, follows, keys, strict=True)]
    return [
        Turn(kind=TurnKind.REFLECTION, prompt_ids=follow, completion=completion, verdict=None)
        for follow, completion in zip(follows, policy.sample(prompts, sampling), strict=True)
    ]


def give_reflection(policy: Policy, episode: Episode, request: str, reflection: Completion) -> Episode:
    """Add a reflection that was not asked of this policy: an oracle's, or another problem's."""
    follow = policy.follow(episode.turns[-1].completion, request)
    return extend(episode, Turn(kind=TurnKind.REFLECTION, prompt_ids=follow, completion=reflection, verdict=None))


def retry(
    policy: Policy,
    task: Task,
    episodes: Sequence[Episode],
    requests: Requests,
    sampling: Sampling,
    keys: Sequence[int],
) -> list[Turn]:
    """One judged retry per episode, in order; it follows a reflection, or a failed try directly."""
    follows = [policy.follow(episode.turns[-1].completion, retry_request(episode, requests)) for episode in episodes]
    prompts = [_prompt(*item) for item in zip(episodes, follows, keys, strict=True)]
    return [
        Turn(
            kind=TurnKind.RETRY,
            prompt_ids=follow,
            completion=completion,
            verdict=task.verify(episode.problem, completion.text),
        )
        for episode, follow, completion in zip(episodes, follows, policy.sample(prompts, sampling), strict=True)
    ]


def retry_request(episode: Episode, requests: Requests) -> str:
    """Text of the user turn before the next retry."""
    if episode.turns[-1].kind is TurnKind.REFLECTION:
        return requests.retry_after_reflection(episode.problem)
    return requests.retry_alone(episode.problem)


def branch_reflections(
    policy: Policy,
    task: Task,
    failures: Sequence[Failure],
    *,
    group_size: int,
    retries: int,
    requests: Requests,
    sampling: TurnSampling,
    keys: Keys,
) -> list[Group]:
    """G reflections on each failed attempt, each followed by k retries that do not see one another."""
    failed = [_episode(failure) for failure in failures for _ in range(group_size)]
    branch = [index for _ in failures for index in range(group_size)]
    names = [keys.of(item.problem, TurnKind.REFLECTION, g) for item, g in zip(failed, branch, strict=True)]
    reflections = reflect(policy, failed, requests.reflection, sampling.reflection, names)
    reflected = [extend(item, turn) for item, turn in zip(failed, reflections, strict=True) for _ in range(retries)]
    names = [
        keys.of(item.problem, TurnKind.RETRY, g, k)
        for item, g in zip(failed, branch, strict=True)
        for k in range(retries)
    ]
    tries = iter(retry(policy, task, reflected, requests, sampling.attempt, names))
    branches = iter([Branch(reflection=turn, tries=tuple(next(tries) for _ in range(retries))) for turn in reflections])
    return [_group(failure, [next(branches) for _ in range(group_size)]) for failure in failures]


def branch_retries(
    policy: Policy,
    task: Task,
    failures: Sequence[Failure],
    *,
    group_size: int,
    requests: Requests,
    sampling: TurnSampling,
    keys: Keys,
) -> list[Group]:
    """G retries after each failed attempt without a reflection: what being told "wrong" is worth by itself."""
    failed = [_episode(failure) for failure in failures for _ in range(group_size)]
    names = [keys.of(failure.problem, TurnKind.RETRY, g) for failure in failures for g in range(group_size)]
    tries = iter(retry(policy, task, failed, requests, sampling.attempt, names))
    return [
        _group(failure, [Branch(reflection=None, tries=(next(tries),)) for _ in range(group_size)])
        for failure in failures
    ]


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
