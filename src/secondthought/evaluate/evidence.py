"""Evidence about reflections: controls on the failed first tries of an evaluation, and on some of its right ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from secondthought.evaluate.calibration import Calibration, calibration
from secondthought.evaluate.controls import Outcome, controls_of, play_controls, rescue_rates
from secondthought.evaluate.evaluation import Evaluation
from secondthought.evaluate.retried import Bars, Retried, bars, retried
from secondthought.rollout.player import Keys, Player
from secondthought.stats import Interval, to_json, wilson

ON_RIGHT = ("second_sample", "no_reflection", "own", "fixed")
"""Controls that are played on right first tries; the others speak of a mistake that is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """`Evidence` is what the controls of one evaluation say; empty where none were played."""

    outcomes: Mapping[str, Sequence[Outcome]] = field(default_factory=dict)
    retries: Mapping[str, Retried] = field(default_factory=dict)
    right_to_wrong: Mapping[str, Interval] = field(default_factory=dict)
    """Wrong retries after right first tries, by control."""
    calibration: Calibration | None = None
    """How often it calls its own first tries wrong; None where it was not asked."""

    @property
    def bars(self) -> Bars:
        """Return how own reflections stand to their bars."""
        return bars(self.outcomes)

    def to_json(self) -> dict[str, Any]:
        """Return the part of a result that `summary.json` and `--json` hold."""
        return {
            "controls": to_json(rescue_rates(self.outcomes)),
            "retries": {name: item.to_json() for name, item in self.retries.items()},
            "bars": self.bars.to_json() if self.outcomes else None,
            "right_to_wrong": to_json(self.right_to_wrong),
            "calibration": self.calibration.to_json() if self.calibration else None,
        }


def evidence_of(
    player: Player, found: Evaluation, keys: Keys, *, controls: bool, on_right: int = 0, asked: bool = False
) -> Evidence:
    """Play the controls of an evaluation.

    Args:
        player: who played it.
        found: the evaluation, as played.
        keys: those of the evaluation, so that retries after own reflections are its second tries.
        controls: whether failed first tries are retried.
        on_right: right first tries, at most, that are reflected on too.
        asked: whether it is asked after every first try if that was right.
    """
    outcomes: Mapping[str, Sequence[Outcome]] = {}
    if controls and found.failures:
        names = controls_of(player.task)
        known = found.reflections or None
        outcomes = play_controls(player, found.failures, keys=keys, controls=names, reflections=known)
    again = play_controls(player, found.right_tries[:on_right], keys=keys, controls=ON_RIGHT) if on_right else {}
    return Evidence(
        outcomes=outcomes,
        retries=retried(player.task, found.failures, outcomes),
        right_to_wrong={name: wilson(sum(not x.verdict.correct for x in xs), len(xs)) for name, xs in again.items()},
        calibration=calibration(player, found, keys) if asked else None,
    )
