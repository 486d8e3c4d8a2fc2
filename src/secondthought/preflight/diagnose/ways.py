"""The ways of a retry: with the failed try in sight, as published, or with the problem and the reflection alone.

Both are played on the same failures, with the same reflections and keys, so that their difference is a paired one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from secondthought.config.play import RetrySees
from secondthought.evaluate import Outcome, controls_of, listening, play_controls, rescue_rates, to_json
from secondthought.evaluate.retried import retried
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.reflect_retry import reflect
from secondthought.stats import Interval, paired_difference
from secondthought.types import Episode, Failure

CONTROLS = ("own", "second_sample", "fixed", "oracle", "shuffled")
"""Controls of a diagnosis, as far as the task has them."""
WAYS: tuple[RetrySees, ...] = get_args(RetrySees)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryWay:
    """A `RetryWay` is what retries make of reflections, one way; what was not measured is None."""

    right: Mapping[str, Interval]
    """Retries that are right after a failed first try, by what stood in the reflection's place."""
    changed: Interval
    """Retries after own reflections whose answer is another than the failed try's."""
    rescue: Interval | None
    """Right after its own reflection minus right at a fresh first try, on the same problems."""
    listening: Interval | None
    """Right after an oracle's reflection minus right after another problem's."""

    def to_json(self) -> dict[str, Any]:
        """Return the object that `diagnose --json` prints."""
        gaps = {"rescue": self.rescue, "listening": self.listening}
        return {
            "retries": to_json(self.right),
            **to_json({"changed": self.changed}),
            **{name: None if gap is None else gap.to_json() for name, gap in gaps.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BothWays:
    """`BothWays` hold each way by its name, and what is gained where the failed try is out of sight."""

    ways: Mapping[RetrySees, RetryWay]
    unseen: Interval | None
    """Right retries without the failed try in sight minus those with it: after an oracle's reflections, if there are
    any, else after own ones."""

    @property
    def recommended(self) -> RetrySees:
        """Return the way to train: the published one unless the other is surely better."""
        return "reflection" if self.unseen is not None and self.unseen.low > 0 else "all"

    @property
    def best(self) -> RetryWay | None:
        """Return the recommended way as measured."""
        return self.ways.get(self.recommended)


NOT_PLAYED = BothWays(ways={}, unseen=None)


def play_both_ways(player: Player, keys: Keys, failures: Sequence[Failure]) -> BothWays:
    """Retry the same failures both ways, after the same reflections."""
    if not failures:
        return NOT_PLAYED
    names = [name for name in CONTROLS if name in controls_of(player.task)]
    first = [Episode(problem=item.problem, turns=(item.attempt,)) for item in failures]
    written = player.run([reflect(player, keys, item, 0) for item in first], "reflections")
    reflections = [turn.completion for turn in written]
    played: dict[RetrySees, dict[str, list[Outcome]]] = {}
    for way in WAYS:
        # A second sample sees nothing but the problem, either way.
        new = [name for name in names if not played or name != "second_sample"]
        outcomes = play_controls(player.seeing(way), failures, keys=keys, controls=new, reflections=reflections)
        played[way] = {name: outcomes[name] if name in outcomes else played[WAYS[0]][name] for name in names}
    return BothWays(
        ways={way: _way(player, failures, outcomes) for way, outcomes in played.items()},
        unseen=_difference(played["reflection"], played["all"], "oracle")
        or _difference(played["reflection"], played["all"], "own"),
    )


def _way(player: Player, failures: Sequence[Failure], outcomes: Mapping[str, Sequence[Outcome]]) -> RetryWay:
    return RetryWay(
        right=rescue_rates(outcomes),
        changed=retried(player.task, failures, {"own": outcomes["own"]})["own"].changed,
        rescue=_defined(listening(outcomes, good="own", bad="second_sample")),
        listening=_defined(listening(outcomes)),
    )


def _difference(
    one: Mapping[str, Sequence[Outcome]], other: Mapping[str, Sequence[Outcome]], control: str
) -> Interval | None:
    """Subtract the right retries of one way from the other's, under one control."""
    pairs = zip(one.get(control, ()), other.get(control, ()), strict=True)
    right = [(float(a.verdict.correct), float(b.verdict.correct)) for a, b in pairs]
    return paired_difference(*zip(*right, strict=True)) if right else None


def _defined(found: Interval) -> Interval | None:
    return found if found.is_defined else None
