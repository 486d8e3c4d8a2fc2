"""Controls: retries of the same failed first tries under other reflections than the policy's own.

Does the reflection help, and is it for what it says? One row of `CONTROLS` for each:

    second_sample   a fresh first try: pass@2 without any conversation
    no_reflection   told that it was wrong, asked again
    own             the policy's own reflection
    shuffled        another problem's own reflection
    fixed           one general piece of advice
    oracle          a reflection that names a right way on; where the task writes none, one that states its gold answer
    contrary        one of the same form that names a way from which the problem cannot be solved

All retries of a problem draw on the same key, so differences between controls are paired. A problem to which a control
does not apply (the oracle knows no way, a lone problem has no other's reflection) has no outcome in it.

What a retry sees is the player's: `player.seeing("reflection")` plays the same failures, reflections and keys with the
failed try left out of sight. There `no_reflection` is a fresh try that knows only that another one was wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from secondthought import rng
from secondthought.evaluate.evaluation import Evaluation
from secondthought.protocols import DiagnosableTask, GeneralAdvisor, Task
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.reflect_retry import attempt, give_reflection, reflect, retry
from secondthought.stats import Interval, paired_difference, wilson
from secondthought.types import Completion, Episode, Failure, Problem, Turn, TurnKind, Verdict

FIXED_REFLECTION = (
    "I should read the task again, check every step and every condition, and write the final answer in the form that"
    " was asked for."
)
"""General advice that fits any task; a task with a method `general_reflection()` gives its own wording."""

GOLD_REFLECTION = "My answer was wrong. The right answer is:\n{gold}"
"""The oracle's reflection for a task that writes none of its own and knows a gold answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A retry under one control, and its verdict.

    `reflection` is None where the control has none; `num_tokens` are those sampled for it.
    """

    control: str
    problem_id: str
    reflection: str | None
    text: str
    verdict: Verdict
    num_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedTries:
    """The failures that all controls start from, the policy's own reflections on them, and how to go on."""

    player: Player
    keys: Keys
    episodes: tuple[Episode, ...]
    own: tuple[Completion, ...]


Reflections: TypeAlias = Callable[[FailedTries], Sequence[Completion | None]]
"""Gives one reflection per failure, None where the control does not apply."""


def own(failed: FailedTries) -> Sequence[Completion | None]:
    """Give the reflections that the policy wrote on the same failures."""
    return failed.own


def shuffled(failed: FailedTries) -> Sequence[Completion | None]:
    """Give reflections on the next problem of a circle whose order is a hash: no problem keeps its own."""
    count = len(failed.episodes)
    seed = failed.keys.seed
    circle = sorted(range(count), key=lambda i: rng.key(seed, "shuffled", failed.episodes[i].problem.id))
    following = {place: circle[(rank + 1) % count] for rank, place in enumerate(circle)}
    return [failed.own[following[i]] if count > 1 else None for i in range(count)]


def fixed(failed: FailedTries) -> Sequence[Completion | None]:
    """Give one general reflection to all."""
    task = failed.player.task
    text = task.general_reflection() if isinstance(task, GeneralAdvisor) else FIXED_REFLECTION
    return [failed.player.policy.encode(text)] * len(failed.episodes)


def oracle(failed: FailedTries) -> Sequence[Completion | None]:
    """Give reflections by the task, which name a right way on, or state its gold answer."""
    task = failed.player.task
    if not isinstance(task, DiagnosableTask):
        return _encoded(failed, [_gold_reflection(task, item.problem) for item in failed.episodes])
    return _encoded(failed, [task.oracle_reflection(item.problem, _text(item)) for item in failed.episodes])


def contrary(failed: FailedTries) -> Sequence[Completion | None]:
    """Give reflections by the task, of the same form, which name a way that leads nowhere."""
    task = failed.player.task
    if not isinstance(task, DiagnosableTask):
        return [None] * len(failed.episodes)
    return _encoded(failed, [task.contrary_reflection(item.problem, _text(item)) for item in failed.episodes])


def _gold_reflection(task: Task, problem: Problem) -> str | None:
    gold = task.gold(problem)
    return None if gold is None else GOLD_REFLECTION.format(gold=gold)


def _encoded(failed: FailedTries, texts: Sequence[str | None]) -> list[Completion | None]:
    return [None if text is None else failed.player.policy.encode(text) for text in texts]


def _text(episode: Episode) -> str:
    return episode.turns[-1].completion.text


CONTROLS: dict[str, Reflections | None] = {
    "second_sample": None,
    "no_reflection": None,
    "own": own,
    "shuffled": shuffled,
    "fixed": fixed,
    "oracle": oracle,
    "contrary": contrary,
}
"""Names of the controls and the reflections of each; the two without one are played differently.

A row may be added from outside before a run: it is then played, written and reported like these.
"""

NEEDS_DIAGNOSIS = frozenset({"contrary"})
"""Controls whose reflections only a `DiagnosableTask` can write."""


def controls_of(task: Task) -> list[str]:
    """Return the names of the controls that a task can be played under."""
    return [name for name in CONTROLS if name not in NEEDS_DIAGNOSIS or isinstance(task, DiagnosableTask)]


def play_controls(
    player: Player,
    failures: Sequence[Failure],
    *,
    keys: Keys,
    controls: Sequence[str] | None = None,
    reflections: Sequence[Completion] | None = None,
) -> dict[str, list[Outcome]]:
    """Play each control and return its outcomes; all retries are one call, so that controls share trunks.

    Args:
        player: who plays, with the sampling of the evaluation.
        failures: where all controls start, one per problem.
        keys: those of an evaluation make the control `own` repeat its second tries exactly.
        controls: keys of `CONTROLS`; all of them by default.
        reflections: the policy's own, one per failure, where they are known already (`Evaluation.reflections`).
    """
    controls = list(CONTROLS) if controls is None else controls
    episodes = tuple(Episode(problem=failure.problem, turns=(failure.attempt,)) for failure in failures)
    if reflections is None and {"own", "shuffled"} & set(controls):
        written = player.run([reflect(player, keys, item, 0) for item in episodes], "reflections")
        reflections = [turn.completion for turn in written]
    failed = FailedTries(player=player, keys=keys, episodes=episodes, own=tuple(reflections or ()))
    starts = [start for name in controls if name != "second_sample" for start in _starts(failed, name)]
    outcomes: dict[str, list[Outcome]] = {name: [] for name in controls}
    for start, turn in zip(starts, _retries(failed, starts), strict=True):
        outcomes[start.control].append(_outcome(start.control, start.episode, turn, start.reflection))
    if "second_sample" in outcomes:
        outcomes["second_sample"] = _second_samples(failed)
    return outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """A place where one retry of one control starts."""

    control: str
    episode: Episode
    reflection: Completion | None


def _starts(failed: FailedTries, control: str) -> list[_Start]:
    make = CONTROLS[control]
    if make is None:
        return [_Start(control=control, episode=item, reflection=None) for item in failed.episodes]
    policy, requests = failed.player.policy, failed.player.requests
    asked = [requests.reflection_on(item.problem, item.turns[-1].verdict) for item in failed.episodes]
    return [
        _Start(control=control, episode=give_reflection(policy, item, request, given), reflection=given)
        for item, request, given in zip(failed.episodes, asked, make(failed), strict=True)
        if given is not None
    ]


def _retries(failed: FailedTries, starts: Sequence[_Start]) -> list[Turn]:
    courses = [retry(failed.player, failed.keys, start.episode, 0) for start in starts]
    return failed.player.run(courses, "retries under controls")


def _second_samples(failed: FailedTries) -> list[Outcome]:
    keys = [failed.keys.of(item.problem, TurnKind.ATTEMPT, 1) for item in failed.episodes]
    courses = [attempt(failed.player, item.problem, key) for item, key in zip(failed.episodes, keys, strict=True)]
    turns = failed.player.run(courses, "second samples")
    return [_outcome("second_sample", item, turn, None) for item, turn in zip(failed.episodes, turns, strict=True)]


def _outcome(control: str, episode: Episode, turn: Turn, reflection: Completion | None) -> Outcome:
    if turn.verdict is None:
        raise ValueError("a retry has a verdict")
    written = len(reflection.token_ids) if reflection is not None and control == "own" else 0
    return Outcome(
        control=control,
        problem_id=episode.problem.id,
        reflection=None if reflection is None else reflection.text,
        text=turn.completion.text,
        verdict=turn.verdict,
        num_tokens=written + len(turn.completion.token_ids),
    )


def rescue_rates(outcomes: Mapping[str, Sequence[Outcome]]) -> dict[str, Interval]:
    """Return the share of retries that are right, per control."""
    return {name: wilson(sum(item.verdict.correct for item in items), len(items)) for name, items in outcomes.items()}


def second_try_rates(evaluation: Evaluation, outcomes: Mapping[str, Sequence[Outcome]]) -> dict[str, Interval]:
    """Return second-try accuracy over all problems, had each failure gone on as in the control.

    `second_sample` gives pass@2. A control that did not apply to every failure gives NaN.
    """
    total = len(evaluation.rows)
    solved = sum(row.solved_by(1) for row in evaluation.rows)
    return {
        name: wilson(solved + sum(item.verdict.correct for item in items), total)
        if len(items) == total - solved
        else wilson(0, 0)
        for name, items in outcomes.items()
    }


def listening(outcomes: Mapping[str, Sequence[Outcome]], *, good: str = "oracle", bad: str = "shuffled") -> Interval:
    """Return the rescue rate under good reflections minus that under bad ones, on the failures that have both.

    It is undefined where there are none, or where one of the two was not played.
    """
    first, second = _by_problem(outcomes.get(good, ())), _by_problem(outcomes.get(bad, ()))
    both = sorted(first.keys() & second.keys())
    return paired_difference([first[name] for name in both], [second[name] for name in both])


def _by_problem(outcomes: Sequence[Outcome]) -> dict[str, float]:
    return {item.problem_id: float(item.verdict.correct) for item in outcomes}
