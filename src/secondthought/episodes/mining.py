"""Finding failures: what reflections are written about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secondthought.episodes.sampling import Keys
from secondthought.episodes.single_turn import attempt
from secondthought.protocols import Policy, Task
from secondthought.types import Failure, Problem, Sampling, TurnKind


@dataclass(frozen=True, slots=True, kw_only=True)
class MiningStats:
    """What mining cost and found. Of one try per problem, `num_first_correct` were right: the first-try accuracy."""

    num_problems: int
    num_failures: int
    num_tries: int
    num_correct: int
    num_first_correct: int
    num_sampled_tokens: int


def mine(
    policy: Policy,
    task: Task,
    problems: Sequence[Problem],
    *,
    tries: int,
    sampling: Sampling,
    keys: Keys,
    provenance: Mapping[str, Any] | None = None,
) -> tuple[list[Failure], MiningStats]:
    """One failed try of each problem that fails within `tries` tries, in the order of the problems.

    The first failed try is kept and no more are sampled. Tries are independent, so it has the same distribution as one
    drawn at random from the failed ones among all N, for fewer tokens. `provenance` is added to what is recorded.
    """
    found: dict[int, Failure] = {}
    correct = [0] * tries
    num_tries = num_tokens = 0
    for index in range(tries):
        places = [place for place in range(len(problems)) if place not in found]
        asked = [problems[place] for place in places]
        names = [keys.of(problem, TurnKind.ATTEMPT, index) for problem in asked]
        for place, turn in zip(places, attempt(policy, task, asked, sampling, names), strict=True):
            num_tries += 1
            num_tokens += len(turn.completion.token_ids)
            if turn.verdict is not None and turn.verdict.correct:
                correct[index] += 1
                continue
            source = _source(policy, sampling, keys, index + 1)
            found[place] = Failure(problem=problems[place], attempt=turn, provenance={**(provenance or {}), **source})
    stats = MiningStats(
        num_problems=len(problems),
        num_failures=len(found),
        num_tries=num_tries,
        num_correct=sum(correct),
        num_first_correct=correct[0] if correct else 0,
        num_sampled_tokens=num_tokens,
    )
    return [found[place] for place in sorted(found)], stats


def fingerprint(policy: Policy) -> str | None:
    """Hash of what the policy's token ids mean; None for a policy that states none."""
    own = getattr(policy, "fingerprint", None)
    return str(own()) if callable(own) else None


def _source(policy: Policy, sampling: Sampling, keys: Keys, num_tries: int) -> dict[str, Any]:
    return {
        "policy": policy.name,
        "tokenizer": fingerprint(policy),
        "temperature": sampling.temperature,
        "seed": keys.seed,
        "step": keys.step,
        "num_tries": num_tries,
    }
