"""What to do next, from a diagnosis: rules with stated thresholds, each tied to one number.

A rule speaks only where the number's 95 % interval lies wholly beyond the threshold; otherwise the number is too
uncertain to act on, or the rule does not apply. Where thresholds come from is said beside each; they are where to
start from, not laws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from secondthought.diagnose.measure import Diagnosis
from secondthought.stats import Interval

Side: TypeAlias = Literal["below", "above"]

SEARCH = ("verification", "backtracking")
"""The habits that stay where RL works (Gandhi et al. 2025): what a base must show now and then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Speaks if a number lies surely on one side of a threshold."""

    name: str
    number: Callable[[Diagnosis], Interval | None]
    side: Side
    threshold: float
    says: str
    source: str
    """Where the threshold comes from."""
    stops: bool = False
    """Later rules are of no use until this is mended."""

    def speaks(self, found: Diagnosis) -> Interval | None:
        """The number, if the rule applies to it."""
        value = self.number(found)
        if value is None or value.low != value.low:
            return None
        beyond = value.high < self.threshold if self.side == "below" else value.low > self.threshold
        return value if beyond else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One thing to do, and the number that says so."""

    rule: str
    says: str
    number: Interval
    side: Side
    threshold: float
    source: str

    def to_json(self) -> dict[str, object]:
        """As `diagnose --json` prints it."""
        found = {name: getattr(self.number, name) for name in ("estimate", "low", "high")}
        return {
            "rule": self.rule,
            "says": self.says,
            "number": found,
            "threshold": f"{self.side} {self.threshold:g}",
            "source": self.source,
        }


def _habit(name: str) -> Callable[[Diagnosis], Interval | None]:
    return lambda found: found.habits[name].presence if name in found.habits else None


def _most_searching(found: Diagnosis) -> Interval | None:
    """The commoner of the two habits: both must be rare for a base to be called terse."""
    known = [found.habits[name].presence for name in SEARCH if name in found.habits]
    return max(known, key=lambda one: one.estimate) if known else None


def _flat(found: Diagnosis) -> Interval | None:
    """Of the largest group size that the samples allow."""
    return found.flat_groups[max(found.flat_groups)] if found.flat_groups else None


def _best(found: Diagnosis) -> Interval:
    return found.passes[max(found.passes)]


_LISTENING = "both shipped organisms listen by more than .5 and learn; one that listened by about .2 did not"

RULES: tuple[Rule, ...] = (
    Rule(
        name="format",
        number=lambda found: found.format_valid,
        side="below",
        threshold=0.5,
        says="Format first: fine-tune on a few hundred traces in the right format (`train sft`), or show one in the"
        " prompt. RL would spend its steps on format, and every comparison of arms would be one of format.",
        source="base models of the Four Habits paper began near 0 % right because answers could not be read",
        stops=True,
    ),
    Rule(
        name="truncated",
        number=lambda found: found.truncated,
        side="above",
        threshold=0.2,
        says="Raise episode.max_attempt_tokens, or prime with shorter traces: what is cut off cannot be right.",
        source="a fifth of the samples lost is more than most differences between arms",
    ),
    Rule(
        name="too hard",
        number=_best,
        side="below",
        threshold=0.05,
        says="Take easier problems, or a larger model: what is never right is never rewarded.",
        source="below one solved problem in twenty, nearly every group is flat at any affordable size",
        stops=True,
    ),
    Rule(
        name="too easy",
        number=lambda found: found.first_try,
        side="above",
        threshold=0.9,
        says="Take harder problems: there is little left to gain here.",
        source="a gain of more than ten points is no longer possible",
        stops=True,
    ),
    Rule(
        name="flat groups",
        number=_flat,
        side="above",
        threshold=0.7,
        says="Use larger groups or problems nearer to the model's reach: from flat groups nothing is learned.",
        source="with less than three groups in ten left, a step costs more than three times as much",
    ),
    Rule(
        name="no search",
        number=_most_searching,
        side="below",
        threshold=0.1,
        says="Prime first, with `prime all-strategies` or `prime backtracking-verification`, then RL: this model seldom"
        " checks or starts again.",
        source="Four Habits: Llama-3.2-3B showed .10 verifications and .20 backtracks a completion and stalled at 34 %;"
        " Qwen-2.5-3B showed .62 and .65 and reached 54 %",
    ),
    Rule(
        name="one answer",
        number=lambda found: found.distinct,
        side="below",
        threshold=0.3,
        says="Sample at a higher temperature, or prime with varied traces: the samples of a problem are mostly alike.",
        source="groups of equal samples are flat",
    ),
    Rule(
        name="listens",
        number=lambda found: found.listening,
        side="above",
        threshold=0.25,
        says="Reflect, Retry, Reward can work (`train reflect-retry`): retries use what a good reflection says.",
        source=_LISTENING,
    ),
    Rule(
        name="does not listen",
        number=lambda found: found.listening,
        side="below",
        threshold=0.25,
        says="Train the first try (`train grpo`), not reflections: retries take little notice of what they say.",
        source=_LISTENING,
    ),
)


def advise(found: Diagnosis) -> list[Advice]:
    """What the rules say, in their order; "train now" where none of them objects."""
    given: list[Advice] = []
    for rule in RULES:
        value = rule.speaks(found)
        if value is not None:
            given.append(
                Advice(
                    rule=rule.name,
                    says=rule.says,
                    number=value,
                    side=rule.side,
                    threshold=rule.threshold,
                    source=rule.source,
                )
            )
            if rule.stops:
                return given
    if all(item.rule in ("listens", "does not listen") for item in given):
        given.append(
            Advice(
                rule="train now",
                says="Train now (`train grpo`, or `train ppo` as the paper did): nothing above stands in the way.",
                number=found.first_try,
                side="below",
                threshold=0.9,
                source="no other rule speaks",
            )
        )
    return given
