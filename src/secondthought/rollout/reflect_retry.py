"""Attempt, reflection, retry: whole episodes, and groups that branch at a problem or at one failed attempt.

    problem attempt | reflection request -> reflection | retry request -> retry
    `------------- trunk --------------'   `----------- tail ---------'

    problem | note with the reflection -> retry                               (`Requests.retry_sees = "reflection"`)
    `trunk' `---------- tail --------'

Each of them is a course (`scheduler`), so that phases of different episodes are sampled together. A retry keeps the
trunk of the reflection before it, so that a policy which shares trunks computes it once; a fresh retry shares the
problem with the others of its group. Which tokens learn is decided elsewhere (`train.credit`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from secondthought.protocols import Policy
from secondthought.rollout.player import Keys, Player, Requests, noted
from secondthought.rollout.scheduler import Ask, Course, Fork
from secondthought.tasks.judging import judge
from secondthought.trees import shared_prefix
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
    conversation_ids,
)


def play(player: Player, problems: Sequence[Problem], *, num_tries: int, keys: Keys) -> list[Episode]:
    """Play one episode per problem, in order: it ends at its first success or after `num_tries` tries.

    Each further round sees everything said before it, or where retries are fresh the latest one: its reflection is on
    the latest try as that was asked for, and its retry sees that reflection. The sample of round r (0 is the first
    retry's) has index r.
    """
    return player.run([_episode_of(player, problem, num_tries, keys) for problem in problems], "problems")


def _episode_of(player: Player, problem: Problem, num_tries: int, keys: Keys) -> Course[Episode]:
    first = yield from attempt(player, problem, keys.of(problem, TurnKind.ATTEMPT, 0))
    episode = Episode(problem=problem, turns=(first,))
    for index in range(num_tries - 1):
        if episode.solved_by(num_tries):
            break
        reflection = yield from reflect(player, keys, episode, index)
        episode = extend(episode, reflection)
        again = yield from retry(player, keys, episode, index)
        episode = extend(episode, again)
    return episode


def attempt(player: Player, problem: Problem, key: int) -> Course[Turn]:
    """Try a problem once; the turn is judged."""
    prompt = Prompt(trunk=player.opening(problem), key=key)
    [completion] = yield Ask((prompt,), player.sampling.attempt)
    verdict = judge(player.task, problem, completion.text)
    return Turn(kind=TurnKind.ATTEMPT, prompt_ids=prompt.trunk, completion=completion, verdict=verdict)


def reflect(player: Player, keys: Keys, episode: Episode, *indices: int) -> Course[Turn]:
    """Write a reflection on a failed episode; `indices` name the sample."""
    failed = episode.turns[-1]
    follow = player.policy.follow(failed.completion, player.requests.reflection_on(episode.problem, failed.verdict))
    prompt = _prompt(episode, follow, keys.of(episode.problem, TurnKind.REFLECTION, *indices))
    [completion] = yield Ask((prompt,), player.sampling.reflection)
    return Turn(kind=TurnKind.REFLECTION, prompt_ids=follow, completion=completion, verdict=None)


def retry(player: Player, keys: Keys, episode: Episode, *indices: int) -> Course[Turn]:
    """Try again after a reflection, or directly after a failed try; the turn is judged, `indices` name the sample."""
    key = keys.of(episode.problem, TurnKind.RETRY, *indices)
    fresh = player.requests.retry_sees == "reflection"
    if fresh:
        prompt = _fresh_prompt(player, episode, key)
        asked = prompt.ids
    else:
        asked = player.policy.follow(episode.turns[-1].completion, retry_request(episode, player.requests))
        prompt = _prompt(episode, asked, key)
    [completion] = yield Ask((prompt,), player.sampling.attempt)
    verdict = judge(player.task, episode.problem, completion.text)
    return Turn(kind=TurnKind.RETRY, prompt_ids=asked, completion=completion, verdict=verdict, fresh=fresh)


def give_reflection(policy: Policy, episode: Episode, request: str, reflection: Completion) -> Episode:
    """Add a reflection that was not asked of this policy: an oracle's, or another problem's."""
    follow = policy.follow(episode.turns[-1].completion, request)
    return extend(episode, Turn(kind=TurnKind.REFLECTION, prompt_ids=follow, completion=reflection, verdict=None))


def text_before(turn: Turn, before: Episode, requests: Requests) -> str:
    """Return the user's text that a turn answers, given the episode up to it."""
    if turn.kind is TurnKind.ATTEMPT or not before.turns:
        return before.problem.request
    if turn.kind is TurnKind.REFLECTION:
        return requests.reflection_on(before.problem, before.turns[-1].verdict)
    return retry_request(before, requests)


def retry_request(episode: Episode, requests: Requests) -> str:
    """Return the text of the user turn before the next retry: where it is fresh, the problem's with a note."""
    last = episode.turns[-1]
    if requests.retry_sees == "reflection":
        messages = noted(episode.problem.messages, retry_note(episode, requests))
        return replace(episode.problem, messages=messages).request
    if last.kind is TurnKind.REFLECTION:
        return requests.retry_after_reflection(episode.problem)
    return requests.retry_alone(episode.problem, last.verdict)


def retry_note(episode: Episode, requests: Requests) -> str:
    """Return the note from which a fresh retry begins: the reflection, or the bare news that a try was wrong."""
    last = episode.turns[-1]
    is_reflection = last.kind is TurnKind.REFLECTION
    return requests.note_with(last.completion.text) if is_reflection else requests.note_alone(last.verdict)


def group_of_attempts(player: Player, keys: Keys, problem: Problem, *, group_size: int) -> Course[Group]:
    """Play G tries at a problem as one group: plain GRPO. The trunk is the problem's own prompt."""
    names = [keys.of(problem, TurnKind.ATTEMPT, index) for index in range(group_size)]
    turns: list[Turn] = yield Fork([attempt(player, problem, name) for name in names])
    return Group(problem=problem, history=(), branches=tuple(Branch(reflection=None, tries=(turn,)) for turn in turns))


def group_of_attempts_and_retries(player: Player, keys: Keys, problem: Problem, *, group_size: int) -> Course[Group]:
    """Play G tries at a problem; those of the second half that fail are reflected on, and tried again once.

    All first tries come first, then a branch for each retry; the trunk is the problem's own prompt.
    """
    half = group_size // 2
    courses = [_attempt_and_retry(player, keys, problem, g, again=g >= half) for g in range(group_size)]
    found: list[list[Branch]] = yield Fork(courses)
    branches = [branch for branch, *_ in found] + [branch for _, *retried in found for branch in retried]
    return Group(problem=problem, history=(), branches=tuple(branches))


def _attempt_and_retry(player: Player, keys: Keys, problem: Problem, g: int, *, again: bool) -> Course[list[Branch]]:
    first = yield from attempt(player, problem, keys.of(problem, TurnKind.ATTEMPT, g))
    played = Episode(problem=problem, turns=(first,))
    branch = Branch(reflection=None, tries=(first,))
    if not again or played.solved_by(1):
        return [branch]
    reflection = yield from reflect(player, keys, played, g)
    second = yield from retry(player, keys, extend(played, reflection), g, 0)
    return [branch, Branch(reflection=reflection, tries=(second,), failed=first)]


def group_of_reflections(
    player: Player, keys: Keys, failure: Failure, *, group_size: int, retries: int
) -> Course[Group]:
    """Play G reflections on a failed attempt, each followed by k retries that do not see one another."""
    courses = [_reflection_branch(player, keys, failure, g, retries) for g in range(group_size)]
    branches: list[Branch] = yield Fork(courses)
    return _group(failure, branches)


def _reflection_branch(player: Player, keys: Keys, failure: Failure, g: int, retries: int) -> Course[Branch]:
    reflection = yield from reflect(player, keys, _episode(failure), g)
    reflected = extend(_episode(failure), reflection)
    tries: list[Turn] = yield Fork([retry(player, keys, reflected, g, k) for k in range(retries)])
    return Branch(reflection=reflection, tries=tuple(tries))


def group_of_retries(player: Player, keys: Keys, failure: Failure, *, group_size: int) -> Course[Group]:
    """Play G retries after a failed attempt without a reflection: what being told "wrong" is worth by itself."""
    tries: list[Turn] = yield Fork([retry(player, keys, _episode(failure), g) for g in range(group_size)])
    return _group(failure, [Branch(reflection=None, tries=(turn,)) for turn in tries])


def branch_reflections(
    player: Player, keys: Keys, failures: Sequence[Failure], *, group_size: int, retries: int
) -> list[Group]:
    """Play a group of reflections per failure, in order."""
    courses = [
        group_of_reflections(player, keys, failure, group_size=group_size, retries=retries) for failure in failures
    ]
    return player.run(courses, "groups of reflections")


def extend(episode: Episode, turn: Turn) -> Episode:
    """Add one turn."""
    return replace(episode, turns=(*episode.turns, turn))


def _prompt(episode: Episode, follow: TokenIds, key: int) -> Prompt:
    """Cut the conversation so far, and what follows it, where a reflection begins."""
    so_far, last = conversation_ids(episode.turns), episode.turns[-1]
    if last.kind is TurnKind.REFLECTION:
        written = len(last.completion.token_ids)
        return Prompt(trunk=so_far[: len(so_far) - written], tail=last.completion.token_ids + follow, key=key)
    return Prompt(trunk=so_far + follow, key=key)


def _fresh_prompt(player: Player, episode: Episode, key: int) -> Prompt:
    """Cut a conversation that begins anew where its own note begins: before it, all notes on a problem are alike.

    The cut is that of the tokens, wherever the tokenizer puts it, so that the ids are those of the whole.
    """
    ids = player.opening(episode.problem, retry_note(episode, player.requests))
    other = player.opening(episode.problem, "")
    alike = len(shared_prefix([ids, other])) or len(ids)
    return Prompt(trunk=ids[:alike], tail=ids[alike:], key=key)


def _episode(failure: Failure) -> Episode:
    return Episode(problem=failure.problem, turns=(failure.attempt,))


def _group(failure: Failure, branches: Sequence[Branch]) -> Group:
    return Group(problem=failure.problem, history=(failure.attempt,), branches=tuple(branches))
