"""Playing control arms over the same failed first tries: does the reflection help, and is it for what it says.

The arms are the rows of `arms.ARMS`. All retries of a problem draw on the same key, so differences between arms are
paired. A problem to which an arm does not apply (the oracle knows no way, a lone problem has no other's reflection) has
no outcome in that arm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from secondthought.evaluate.arms import ARMS, Stage
from secondthought.evaluate.evaluation import Evaluation
from secondthought.protocols import Policy, Task
from secondthought.rollout.reflect_retry import Table, give_reflection, reflect, retry
from secondthought.rollout.requests import Requests
from secondthought.rollout.sampling import Keys, TurnSampling
from secondthought.rollout.scheduler import run
from secondthought.rollout.single_turn import attempt
from secondthought.stats import Interval, paired_difference, wilson
from secondthought.types import Completion, Episode, Failure, Turn, TurnKind, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One retry in one arm. `reflection` is None where the arm has none; `num_tokens` are those sampled for it."""

    arm: str
    problem_id: str
    reflection: str | None
    text: str
    verdict: Verdict
    num_tokens: int


def play_controls(
    policy: Policy,
    task: Task,
    failures: Sequence[Failure],
    *,
    requests: Requests,
    sampling: TurnSampling,
    keys: Keys,
    arms: Sequence[str] = tuple(ARMS),
    reflections: Sequence[Completion] | None = None,
) -> dict[str, list[Outcome]]:
    """Play each arm and return its outcomes; all retries are one call, so that arms share trunks.

    Args:
        policy: who plays.
        task: who judges.
        failures: where all arms start, one per problem.
        requests: the user turns.
        sampling: as in the evaluation.
        keys: those of an evaluation make arm `own` repeat its second tries exactly.
        arms: keys of `ARMS`.
        reflections: the policy's own, one per failure, where they are known already (`Evaluation.reflections`).
    """
    failed = tuple(Episode(problem=failure.problem, turns=(failure.attempt,)) for failure in failures)
    if reflections is None and {"own", "shuffled"} & set(arms):
        table = Table(policy=policy, task=task, requests=requests, sampling=sampling, keys=keys)
        written = run(policy, [reflect(table, item, 0) for item in failed])
        reflections = [turn.completion for turn in written]
    stage = Stage(
        policy=policy,
        task=task,
        requests=requests,
        sampling=sampling,
        keys=keys,
        failed=failed,
        own=tuple(reflections or ()),
    )
    starts = [start for arm in arms if arm != "second_sample" for start in _starts(stage, arm)]
    outcomes: dict[str, list[Outcome]] = {arm: [] for arm in arms}
    for start, turn in zip(starts, _retries(stage, starts), strict=True):
        outcomes[start.arm].append(_outcome(start.arm, start.episode, turn, start.reflection))
    if "second_sample" in outcomes:
        outcomes["second_sample"] = _second_samples(stage)
    return outcomes


def rescue_rates(outcomes: Mapping[str, Sequence[Outcome]]) -> dict[str, Interval]:
    """Share of retries that are right, per arm."""
    return {arm: wilson(sum(item.verdict.correct for item in items), len(items)) for arm, items in outcomes.items()}


def second_try_rates(evaluation: Evaluation, outcomes: Mapping[str, Sequence[Outcome]]) -> dict[str, Interval]:
    """Second-try accuracy over all problems, had each failure gone on as in the arm; `second_sample` gives pass@2.

    NaN for an arm that did not apply to every failure.
    """
    total = len(evaluation.rows)
    solved = sum(row.solved_by(1) for row in evaluation.rows)
    return {
        arm: wilson(solved + sum(item.verdict.correct for item in items), total)
        if len(items) == total - solved
        else wilson(0, 0)
        for arm, items in outcomes.items()
    }


def listening(
    outcomes: Mapping[str, Sequence[Outcome]],
    generator: np.random.Generator,
    *,
    good: str = "oracle",
    bad: str = "shuffled",
) -> Interval:
    """Rescue rate under good reflections minus that under bad ones, on the failures that have both."""
    first, second = _by_problem(outcomes[good]), _by_problem(outcomes[bad])
    both = sorted(first.keys() & second.keys())
    return paired_difference([first[name] for name in both], [second[name] for name in both], generator)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """Where one retry of one arm starts."""

    arm: str
    episode: Episode
    reflection: Completion | None


def _starts(stage: Stage, arm: str) -> list[_Start]:
    make = ARMS[arm]
    if make is None:
        return [_Start(arm=arm, episode=item, reflection=None) for item in stage.failed]
    request = stage.requests.reflection
    return [
        _Start(arm=arm, episode=give_reflection(stage.policy, item, request, said), reflection=said)
        for item, said in zip(stage.failed, make(stage), strict=True)
        if said is not None
    ]


def _retries(stage: Stage, starts: Sequence[_Start]) -> list[Turn]:
    return run(stage.policy, [retry(stage, start.episode, 0) for start in starts])


def _second_samples(stage: Stage) -> list[Outcome]:
    courses = [
        attempt(
            stage.policy,
            stage.task,
            item.problem,
            stage.sampling.attempt,
            stage.keys.of(item.problem, TurnKind.ATTEMPT, 1),
        )
        for item in stage.failed
    ]
    turns = run(stage.policy, courses)
    return [_outcome("second_sample", item, turn, None) for item, turn in zip(stage.failed, turns, strict=True)]


def _outcome(arm: str, episode: Episode, turn: Turn, reflection: Completion | None) -> Outcome:
    if turn.verdict is None:
        raise ValueError("a retry has a verdict")
    written = len(reflection.token_ids) if reflection is not None and arm == "own" else 0
    return Outcome(
        arm=arm,
        problem_id=episode.problem.id,
        reflection=None if reflection is None else reflection.text,
        text=turn.completion.text,
        verdict=turn.verdict,
        num_tokens=written + len(turn.completion.token_ids),
    )


def _by_problem(outcomes: Sequence[Outcome]) -> dict[str, float]:
    return {item.problem_id: float(item.verdict.correct) for item in outcomes}
