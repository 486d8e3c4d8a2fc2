"""A diagnosis is measured: a model is sampled on a task, and what RL would start from is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secondthought.config.play import RetrySees
from secondthought.evaluate import failures_of, to_json
from secondthought.evaluate import samples as rates
from secondthought.evaluate.samples import turns
from secondthought.habits.rates import HabitRates, Observed, rates_in_groups
from secondthought.preflight.diagnose.subject import Subject
from secondthought.preflight.diagnose.ways import NOT_PLAYED, BothWays, RetryWay, play_both_ways
from secondthought.protocols import Detector
from secondthought.rollout.player import Keys, Player
from secondthought.stats import Interval
from secondthought.train.self_checks import check_gold
from secondthought.types import Episode, Group, Problem, Thought


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDiagnosis:
    """A `ModelDiagnosis` holds what was found. Intervals are over problems; what was not measured is missing, not 0."""

    subject: Subject
    model: str
    task: str
    problems: int
    samples: int
    temperature: float
    max_attempt_tokens: int
    retry_sees: RetrySees
    """The way of a retry that is set; both are measured."""
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
    both_ways: BothWays
    """Retries with the failed try in sight and without it; nothing where none were played."""

    @property
    def set_way(self) -> RetryWay | None:
        """Return what retries do the way that is set."""
        return self.both_ways.ways.get(self.retry_sees)

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
            **_of_way(self.set_way),
            "retry_sees": self.retry_sees,
            "ways": {name: way.to_json() for name, way in self.both_ways.ways.items()},
            "unseen": None if self.both_ways.unseen is None else self.both_ways.unseen.to_json(),
            "recommended_retry_sees": self.both_ways.recommended if self.both_ways.ways else None,
        }


def _of_way(way: RetryWay | None) -> dict[str, Any]:
    """Return what earlier versions printed of the one way that there was."""
    if way is None:
        return {"retries": {}, "rescue": None, "listening": None}
    return {name: value for name, value in way.to_json().items() if name != "changed"}


def diagnose(
    player: Player,
    problems: Sequence[Problem],
    *,
    samples: int,
    detector: Detector,
    seed: int = 0,
    retries: bool = True,
    subject: Subject | None = None,
) -> ModelDiagnosis:
    """Sample every problem several times; then one reflection per failed problem, and retries of it both ways.

    Args:
        player: the model at the task; the temperature of training is the one that matters.
        problems: as many as an interval wants; 100 give about 10 points.
        samples: per problem; flat groups can be told for group sizes up to this.
        detector: finds the habits.
        seed: of the samples.
        retries: also play reflections and retries.
        subject: model and task as commands name them, for advice; by default their own names.

    Raises:
        CheckError: the task rejects its own gold answers, or what the model's tokenizer makes of them.
    """
    check_gold(player.task, problems, player.policy)
    keys = Keys(seed=seed, phase="diagnose")
    groups = rates.sample(player, problems, count=samples, keys=keys)
    return ModelDiagnosis(
        subject=subject or Subject.of(player.task, problems, model=player.policy.name),
        model=player.policy.name,
        task=player.task.name,
        problems=len(problems),
        samples=samples,
        temperature=player.temperature,
        max_attempt_tokens=player.sampling.attempt.max_tokens,
        retry_sees=player.requests.retry_sees,
        **_rates(groups),
        detector=detector.name,
        habits=_habits(groups, detector),
        both_ways=_retries(player, keys, groups) if retries else NOT_PLAYED,
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


def _retries(player: Player, keys: Keys, groups: Sequence[Group]) -> BothWays:
    """Retry the problems whose first sample failed."""
    episodes = [Episode(problem=group.problem, turns=(turns(group)[0],)) for group in groups]
    return play_both_ways(player, keys, failures_of(episodes, player.policy))
