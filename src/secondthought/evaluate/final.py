"""The final evaluation is what a run proves: the same test problems before and after, with controls.

The samples' keys do not depend on the run's seed, so runs of different arms and seeds are paired problem by problem.
The shape of what is written is `summary.json`'s (docs/runs.md); the numbers are `evaluate`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from secondthought.config import EvalConfig
from secondthought.evaluate import (
    Evaluation,
    Outcome,
    compare,
    compare_rescues,
    controls_of,
    evaluate,
    first_try_habits,
    listening,
    play_controls,
    rescue_rates,
    summarise,
    to_json,
)
from secondthought.evaluate.quality import quality, reflected
from secondthought.evaluate.retried import bars, retried
from secondthought.evaluate.summary import METRICS
from secondthought.protocols import Detector, Task
from secondthought.rollout.player import Keys, Player
from secondthought.types import Failure, Problem, Verdict

EVALUATION_SEED = 0
"""Of the samples of every final evaluation, whatever the run's own seed."""

_CONTROL_NAMES = {"second_sample": "pass@2", "no_reflection": "none"}
_RATE_NAMES = {
    "first_try": "pass@1",
    "second_try": "second_try",
    "rescue": "rescue_rate",
    "format_valid": "format_valid/attempt",
    "format_valid_retry": "format_valid/retry",
    "truncated": "truncated/attempt",
    "reflection_length": "reflection_tokens",
    "leak_solution": "leak/solution",
    "leak_first_step": "leak/first_step",
    "leak_none": "leak/none",
    "reflection_leak": "reflection_leak",
    "feedback_leak": "feedback_leak",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A policy as measured on the test problems: at every temperature, with controls and stored failures at the first.

    `stored` are retries of the failures stored before training: under `own` reflections, and under an `oracle`'s, a
    skill that nothing trains.
    """

    evaluations: Mapping[str, Evaluation]
    controls: Mapping[str, Sequence[Outcome]]
    stored: Mapping[str, Sequence[Outcome]]

    @property
    def first(self) -> Evaluation:
        """Return the evaluation that controls belong to."""
        return next(iter(self.evaluations.values()))


def temperature_name(temperature: float) -> str:
    """Write a temperature as file names have it.

    >>> temperature_name(1), temperature_name(0.5)
    ('t1.0', 't0.5')
    """
    return f"t{float(temperature)}"


def measure(
    player: Player, config: EvalConfig, problems: Sequence[Problem], stored: Sequence[Failure] | None = None
) -> Measured:
    """Evaluate the policy as it is. `stored` are the failures to retry; without any, its own first failures are."""
    evaluations = {temperature_name(heat): _evaluated(player, config, problems, heat) for heat in config.temperatures}
    first = next(iter(evaluations.values()))
    names = controls_of(player.task) if config.tries > 1 else []  # every control is a second try
    skills = [name for name in names if name in _SKILLS]
    own = _played(player, config, first.failures, names if config.controls else skills, first)
    again = own if stored is None else _played(player, config, stored, skills)
    return Measured(
        evaluations=evaluations,
        controls=own if config.controls else {},
        stored={name: again[name] for name in skills},
    )


def _played(
    player: Player,
    config: EvalConfig,
    failures: Sequence[Failure],
    controls: Sequence[str],
    known: Evaluation | None = None,
) -> Mapping[str, Sequence[Outcome]]:
    """Play controls at the first temperature; reflections that an evaluation holds already are not written again."""
    heat = config.temperatures[0]
    return play_controls(
        player.at(heat),
        failures,
        keys=_keys(heat),
        controls=controls,
        reflections=(known.reflections or None) if known else None,
    )


def measure_peer(player: Player, config: EvalConfig, problems: Sequence[Problem]) -> Evaluation:
    """Evaluate an untrained model on the same problems at the first temperature, without controls."""
    return _evaluated(player, config, problems, config.temperatures[0])


def _evaluated(player: Player, config: EvalConfig, problems: Sequence[Problem], heat: float) -> Evaluation:
    with player.onlooker.stage(f"temperature {heat:g}"):
        return evaluate(player.at(heat), problems, num_tries=config.tries, keys=_keys(heat))


_SKILLS = ("own", "oracle")
"""Controls that are played on the stored failures before and after: reflecting, and using a good reflection."""


def side(measured: Measured, task: Task, detector: Detector | None = None) -> dict[str, Any]:
    """Build one side (before or after) of `summary.json`; habits are counted where there is a detector."""
    return {
        "rates": {
            name: {
                **rates(item),
                **first_try_habits.rates(item.rows, item.task, detector),
                "reflections": to_json(quality(reflected(item.rows, task), task)),
            }
            for name, item in measured.evaluations.items()
        },
        "controls": {
            _CONTROL_NAMES.get(name, name): value for name, value in to_json(rescue_rates(measured.controls)).items()
        },
        "retries": {
            _CONTROL_NAMES.get(name, name): found.to_json()
            for name, found in retried(task, measured.first.failures, measured.controls).items()
        },
        "bars": bars(measured.controls).to_json() if measured.controls else None,
        "listening": to_json({"of": listening(measured.controls)})["of"],
        "stored_rescue": to_json(rescue_rates(measured.stored)).get("own"),
    }


def rates(evaluation: Evaluation) -> dict[str, Any]:
    """Return the rates of one evaluation under the report's names."""
    summary = to_json(summarise(evaluation))
    found = {name: summary[key] for name, key in _RATE_NAMES.items() if key in summary}
    found |= {name: summary[name] for name in METRICS}
    reasons: dict[str, int] = {}
    for row in evaluation.rows:
        verdict = row.tries[0].verdict
        if verdict is not None:
            reasons[verdict.reason] = reasons.get(verdict.reason, 0) + 1
    found["reasons"] = dict(sorted(reasons.items()))
    return found


def pair(after: Measured, before: Measured) -> dict[str, Any]:
    """Compare after with before on the same problems, per temperature, and on the same stored failures."""
    paired: dict[str, Any] = {}
    for name, evaluation in after.evaluations.items():
        found = compare(evaluation, before.evaluations[name])
        paired[name] = {"first_try": found["pass@1"].to_json()}
        if "second_try" in found:
            paired[name]["second_try"] = found["second_try"].to_json()
    if after.stored.get("own") and before.stored.get("own"):
        paired["stored_rescue"] = _stored_difference(after, before, "own")
    return paired


def other_skills(after: Measured, before: Measured) -> dict[str, Any]:
    """Compare what no token was rewarded for: using a reflection that names a right way, on the stored failures."""
    if not (after.stored.get("oracle") and before.stored.get("oracle")):
        return {}
    both = {"before": before, "after": after}
    rates = {when: to_json(rescue_rates(measured.stored))["oracle"] for when, measured in both.items()}
    return {"using an oracle's reflection": {**rates, "paired": _stored_difference(after, before, "oracle")}}


def _stored_difference(after: Measured, before: Measured, control: str) -> dict[str, Any]:
    return compare_rescues(after.stored[control], before.stored[control]).to_json()


def stored_correct(measured: Measured) -> dict[str, dict[str, bool]]:
    """Return which stored failures each control's retry solved: what `restore_stored` reads back."""
    return {name: {item.problem_id: item.verdict.correct for item in items} for name, items in measured.stored.items()}


def stored_reflections(measured: Measured) -> list[dict[str, Any]]:
    """Return the policy's own reflections on the stored failures, and whether the retries after them were right."""
    return [
        {"problem_id": item.problem_id, "reflection": item.reflection, "correct": item.verdict.correct}
        for item in measured.stored.get("own", ())
    ]


def restore_stored(correct: Mapping[str, Mapping[str, bool]]) -> dict[str, list[Outcome]]:
    """Rebuild outcomes on stored failures, as far as a comparison needs them."""
    return {
        control: [
            Outcome(
                control=control,
                problem_id=name,
                reflection=None,
                text="",
                verdict=replace(_WRONG, correct=solved),
                num_tokens=0,
            )
            for name, solved in solved_by.items()
        ]
        for control, solved_by in correct.items()
    }


_WRONG = Verdict(correct=False, reward=0.0, reason="", well_formed=False)


def _keys(temperature: float) -> Keys:
    return Keys(seed=EVALUATION_SEED, phase=f"evaluation {temperature_name(temperature)}")
