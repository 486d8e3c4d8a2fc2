"""Metrics on the validation split, taken while a run trains."""

from __future__ import annotations

from collections.abc import Sequence

from secondthought.evaluate import evaluate, play_controls, rescue_rates, summarise
from secondthought.evaluate import first_try_habits as habits
from secondthought.protocols import DiagnosableTask
from secondthought.rollout.sampling import Keys
from secondthought.stats import Interval
from secondthought.train.algorithms import Play
from secondthought.types import Problem, StopReason


def validate(play: Play, problems: Sequence[Problem]) -> dict[str, float]:
    """Metrics on the validation split at the training temperature; the same samples' keys at every step."""
    keys = Keys(seed=play.config.seed, phase="validation")
    found = evaluate(
        play.policy,
        play.task,
        problems,
        requests=play.requests,
        sampling=play.sampling,
        num_tries=min(2, play.config.evaluation.tries),
        keys=keys,
    )
    summary = summarise(found)
    metrics: dict[str, float] = {}
    for name, key in (("first_try", "pass@1"), ("second_try", "second_try"), ("rescue", "rescue_rate")):
        if key in summary:
            metrics |= _bounds(f"eval/{name}", summary[key])
    if "reflection_tokens" in summary:
        metrics |= _bounds("eval/reflection_length_mean", summary["reflection_tokens"], bounds=False)
    metrics |= _bounds("eval/format_valid", summary["format_valid/attempt"], bounds=False)
    turns = [turn for row in found.rows for turn in row.turns]
    metrics["eval/attempt_length_mean"] = habits.mean_length(found.rows)
    metrics["eval/truncated"] = sum(turn.stop is StopReason.LENGTH for turn in turns) / len(turns)
    metrics |= habits.metrics(found.rows, found.task, play.config.evaluation.habits)
    if play.config.evaluation.tries > 1 and isinstance(play.task, DiagnosableTask) and found.failures:
        outcomes = play_controls(
            play.policy,
            play.task,
            found.failures,
            requests=play.requests,
            sampling=play.sampling,
            keys=keys,
            arms=("oracle",),
        )
        metrics |= _bounds("eval/rescue_oracle", rescue_rates(outcomes)["oracle"])
    return metrics


def _bounds(name: str, value: Interval | float, *, bounds: bool = True) -> dict[str, float]:
    if not isinstance(value, Interval):
        return {name: value}
    found = {name: value.estimate}
    return {**found, f"{name}_low": value.low, f"{name}_high": value.high} if bounds else found
