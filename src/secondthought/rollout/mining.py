"""Finding failures: what reflections are written about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secondthought.protocols import Fingerprinted, Policy
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.reflect_retry import attempt
from secondthought.rollout.scheduler import Course
from secondthought.types import Failure, Problem, Turn, TurnKind


@dataclass(frozen=True, slots=True, kw_only=True)
class MiningStats:
    """Costs and finds of mining. Of one try per problem, `num_first_correct` were right: the first-try accuracy."""

    num_problems: int
    num_failures: int
    num_tries: int
    num_correct: int
    num_first_correct: int
    num_sampled_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mined:
    """The tries at one problem: all right but perhaps the last, of which `failure` is made."""

    tries: tuple[Turn, ...]
    failure: Failure | None


def mine(
    player: Player,
    problems: Sequence[Problem],
    *,
    tries: int,
    keys: Keys,
    provenance: Mapping[str, Any] | None = None,
) -> tuple[list[Failure], MiningStats]:
    """Find one failed try of each problem that fails within `tries` tries, in the order of the problems.

    The first failed try is kept and no more are sampled. Tries are independent, so it has the same distribution as one
    drawn at random from the failed ones among all N, for fewer tokens. `provenance` is added to what is recorded.
    """
    courses = [mine_one(player, problem, tries=tries, keys=keys, provenance=provenance) for problem in problems]
    found = player.run(courses, "problems")
    return [item.failure for item in found if item.failure is not None], stats_of(found)


def mine_one(
    player: Player, problem: Problem, *, tries: int, keys: Keys, provenance: Mapping[str, Any] | None = None
) -> Course[Mined]:
    """Try a problem until a try fails, at most `tries` times."""
    made: list[Turn] = []
    for index in range(tries):
        turn = yield from attempt(player, problem, keys.of(problem, TurnKind.ATTEMPT, index))
        made.append(turn)
        if not _is_right(turn):
            source = {**(provenance or {}), **_source(player, keys, index + 1)}
            return Mined(tries=tuple(made), failure=Failure(problem=problem, attempt=turn, provenance=source))
    return Mined(tries=tuple(made), failure=None)


def stats_of(found: Sequence[Mined]) -> MiningStats:
    """Count what it cost to mine these problems."""
    made = [turn for item in found for turn in item.tries]
    return MiningStats(
        num_problems=len(found),
        num_failures=sum(item.failure is not None for item in found),
        num_tries=len(made),
        num_correct=sum(map(_is_right, made)),
        num_first_correct=sum(_is_right(item.tries[0]) for item in found),
        num_sampled_tokens=sum(len(turn.completion.token_ids) for turn in made),
    )


def _is_right(turn: Turn) -> bool:
    return turn.verdict is not None and turn.verdict.correct


def fingerprint(policy: Policy) -> str | None:
    """Return a hash of what the policy's token ids mean; None for a policy that states none."""
    return policy.fingerprint() if isinstance(policy, Fingerprinted) else None


def _source(player: Player, keys: Keys, num_tries: int) -> dict[str, Any]:
    return {
        "policy": player.policy.name,
        "tokenizer": fingerprint(player.policy),
        "temperature": player.temperature,
        "seed": keys.seed,
        "step": keys.step,
        "num_tries": num_tries,
    }
