"""Metrics on the validation split, taken while a run trains."""

from __future__ import annotations

from collections.abc import Sequence

from secondthought.config import RunConfig
from secondthought.evaluate import evaluate, first_try_habits, play_controls, rescue_rates, summarise
from secondthought.evaluate.summary import LEAKS, METRICS
from secondthought.protocols import DiagnosableTask
from secondthought.rollout.player import Keys, Player
from secondthought.stats import Interval
from secondthought.types import Problem, StopReason


def validate(player: Player, config: RunConfig, problems: Sequence[Problem]) -> dict[str, float]:
    """Measure metrics on the validation split at the training temperature; the same samples' keys at every step."""
    keys = Keys(seed=config.seed, phase="validation")
    found = evaluate(player, problems, num_tries=min(2, config.evaluation.tries), keys=keys)
    summary = summarise(found)
    metrics: dict[str, float] = {}
    for name, key in (("first_try", "pass@1"), ("second_try", "second_try"), ("rescue", "rescue_rate")):
        if key in summary:
            metrics |= _bounds(f"eval/{name}", summary[key])
    if "reflection_tokens" in summary:
        metrics |= _bounds("eval/reflection_length_mean", summary["reflection_tokens"], bounds=False)
    metrics |= _bounds("eval/format_valid", summary["format_valid/attempt"], bounds=False)
    told = player.requests.feedback != "failed"
    for name in (*(LEAKS if told else ()), *METRICS):
        metrics |= _bounds(f"eval/{name}", summary[name], bounds=False)
    turns = [turn for row in found.rows for turn in row.turns]
    metrics["eval/attempt_length_mean"] = first_try_habits.mean_length(found.rows)
    metrics["eval/truncated"] = sum(turn.stop is StopReason.LENGTH for turn in turns) / len(turns)
    detector = first_try_habits.chosen(config.evaluation.habits, player.task)
    metrics |= first_try_habits.metrics(found.rows, found.task, detector)
    if config.evaluation.tries > 1 and isinstance(player.task, DiagnosableTask) and found.failures:
        outcomes = play_controls(player, found.failures, keys=keys, controls=("oracle",))
        metrics |= _bounds("eval/rescue_oracle", rescue_rates(outcomes)["oracle"])
    return metrics


def _bounds(name: str, value: Interval | float, *, bounds: bool = True) -> dict[str, float]:
    if not isinstance(value, Interval):
        return {name: value}
    found = {name: value.estimate}
    return {**found, f"{name}_low": value.low, f"{name}_high": value.high} if bounds else found
