"""A diagnosis is measured: a model is sampled on a task, and what RL would start from is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secondthought.evaluate import failures_of, listening, play_controls, rescue_rates, to_json
from secondthought.habits.rates import HabitRates, Observed, rates_in_groups
from secondthought.preflight.diagnose import rates
from secondthought.preflight.diagnose.rates import turns
from secondthought.protocols import Detector, DiagnosableTask
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.reflect_retry import group_of_attempts
from secondthought.stats import Interval
from secondthought.train.self_checks import check_gold
from secondthought.types import Episode, Group, Problem, Thought

CONTROLS = ("own", "second_sample")
DIAGNOSED_CONTROLS = (*CONTROLS, "oracle", "shuffled")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDiagnosis:
    """A `ModelDiagnosis` holds what was found. Intervals are over problems; what was not measured is missing, not 0."""

    model: str
    task: str
    problems: int
    samples: int
    temperature: float
    first_try: Interval
    format_valid: Interval
    truncated: Interval
    length: Interval
    passes: Mapping[int, Interval]
    flat_groups: Mapping[int, Interval]
    distinct: Interval
    entropy: Interval
    detector: str
    habits: Mapping[str, HabitRates]
    retries: Mapping[str, Interval]
    """Retries that are right after a failed first try, by what stood in the reflection's place."""
    rescue: Interval | None
    """Retry after its own reflection minus a fresh first try on the same problems; None if not measured."""
    listening: Interval | None
    """Retry after an oracle's reflection minus after another problem's; None if not measured."""

    def to_json(self) -> dict[str, Any]:
        """Return the object that `secondthought diagnose --json` prints."""
        names = ("first_try", "format_valid", "truncated", "length", "distinct", "entropy")
        return {
            **{name: getattr(self, name) for name in ("model", "task", "problems", "samples", "temperature")},
            **to_json({name: getattr(self, name) for name in names}),
            "pass_at": to_json({str(k): value for k, value in self.passes.items()}),
            "flat_groups": to_json({str(size): value for size, value in self.flat_groups.items()}),
            "detector": self.detector,
            "habits": {name: found.to_json("tokens") for name, found in self.habits.items()},
            "retries": to_json(self.retries),
            **{
                name: None if value is None else to_json({name: value})[name]
                for name, value in (("rescue", self.rescue), ("listening", self.listening))
            },
        }


def diagnose(
    player: Player,
    problems: Sequence[Problem],
    *,
    samples: int,
    detector: Detector,
    seed: int = 0,
    retries: bool = True,
) -> ModelDiagnosis:
    """Sample every problem several times; then one reflection and retry per failed problem, and controls of it.

    Args:
        player: the model at the task; the temperature of training is the one that matters.
        problems: as many as an interval wants; 100 give about 10 points.
        samples: per problem; flat groups can be told for group sizes up to this.
        detector: finds the habits.
        seed: of the samples.
        retries: also play reflections and retries.

    Raises:
        CheckError: the task rejects its own gold answers, or what the model's tokenizer makes of them.
    """
    check_gold(player.task, problems, player.policy)
    keys = Keys(seed=seed, phase="diagnose")
    courses = [group_of_attempts(player, keys, problem, group_size=samples) for problem in problems]
    groups = player.run(courses, "problems")
    played = _retries(player, keys, groups) if retries else {}
    return ModelDiagnosis(
        model=player.policy.name,
        task=player.task.name,
        problems=len(problems),
        samples=samples,
        temperature=player.temperature,
        **_rates(groups),
        detector=detector.name,
        habits=_habits(groups, detector),
        retries=rescue_rates(played),
        rescue=_difference(played, "own", "second_sample"),
        listening=_difference(played, "oracle", "shuffled"),
    )


def _rates(groups: Sequence[Group]) -> dict[str, Any]:
    """Return what is counted in the samples alone, by the fields of a diagnosis."""
    return {
        "first_try": rates.first_try(groups),
        "format_valid": rates.format_valid(groups),
        "truncated": rates.truncated(groups),
        "length": rates.length(groups),
        "passes": rates.passes(groups),
        "flat_groups": rates.flat_groups(groups),
        "distinct": rates.distinct(groups),
        "entropy": rates.entropy(groups),
    }


def _habits(groups: Sequence[Group], detector: Detector) -> dict[str, HabitRates]:
    thoughts = [Thought(text=turn.completion.text, problem=group.problem) for group in groups for turn in turns(group)]
    readings = iter(detector.detect(thoughts))
    observed = [
        [
            Observed(
                counts=next(readings).counts,
                words=len(turn.completion.text.split()),
                tokens=len(turn.completion.token_ids),
                correct=bool(turn.verdict and turn.verdict.correct),
            )
            for turn in turns(group)
        ]
        for group in groups
    ]
    return {name: rates_in_groups(observed, name) for name in detector.behaviors}


def _retries(player: Player, keys: Keys, groups: Sequence[Group]) -> Mapping[str, Sequence[Any]]:
    """Play each control on the problems whose first sample failed."""
    episodes = [Episode(problem=group.problem, turns=(turns(group)[0],)) for group in groups]
    failures = failures_of(episodes, player.policy)
    if not failures:
        return {}
    names = DIAGNOSED_CONTROLS if isinstance(player.task, DiagnosableTask) else CONTROLS
    return play_controls(player, failures, keys=keys, controls=names)


def _difference(played: Mapping[str, Sequence[Any]], one: str, other: str) -> Interval | None:
    """Subtract one control from another on the problems that both played."""
    if not (played.get(one) and played.get(other)):
        return None
    found = listening(played, good=one, bad=other)
    return found if found.is_defined else None
