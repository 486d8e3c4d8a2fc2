"""Advice says what to do next, from a diagnosis: rules with stated thresholds, each tied to one number.

A rule speaks only where the number's 95 % interval lies wholly beyond the threshold; an interval that holds it is too
uncertain to act on, and is named as such. Where thresholds come from is said beside each; they are where to start from,
not laws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from secondthought.preflight.diagnose.measure import ModelDiagnosis
from secondthought.stats import Interval

Side: TypeAlias = Literal["below", "above"]

SEARCH = ("verification", "backtracking")
"""The habits that stay where RL works (Gandhi et al. 2025): what a base must show now and then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceRule:
    """An `AdviceRule` speaks if a number lies surely on one side of a threshold."""

    name: str
    what: str
    """The number in words, as the table of numbers calls it."""
    number: Callable[[ModelDiagnosis], Interval | None]
    side: Side
    threshold: float
    says: str
    source: str
    """Where the threshold comes from."""
    stops: bool = False
    """Later rules are of no use until this is mended."""

    def known(self, found: ModelDiagnosis) -> Interval | None:
        """Return the number, if there is one with an interval."""
        value = self.number(found)
        return None if value is None or value.low != value.low else value

    def speaks(self, found: ModelDiagnosis) -> Advice | None:
        """Return the advice, if the rule applies."""
        value = self.known(found)
        if value is None:
            return None
        beyond = value.high < self.threshold if self.side == "below" else value.low > self.threshold
        return Advice(rule=self, number=value) if beyond else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """An `Advice` holds a rule, and the number that makes it speak, or keeps it from speaking."""

    rule: AdviceRule
    number: Interval

    def to_json(self) -> dict[str, object]:
        """Return the advice as `diagnose --json` prints it."""
        return {
            "rule": self.rule.name,
            "says": self.rule.says,
            "what": self.rule.what,
            "number": {name: getattr(self.number, name) for name in ("estimate", "low", "high")},
            "threshold": f"{self.rule.side} {self.rule.threshold:g}",
            "source": self.rule.source,
        }


def _most_searching(found: ModelDiagnosis) -> Interval | None:
    """Return the share of the commoner of the two habits: both must be rare for a base to be called terse."""
    known = [found.habits[name].presence for name in SEARCH if name in found.habits]
    return max(known, key=lambda one: one.estimate) if known else None


def _flat(found: ModelDiagnosis) -> Interval | None:
    """Return the share of flat groups of the largest size that the samples allow."""
    return found.flat_groups[max(found.flat_groups)] if found.flat_groups else None


def _best(found: ModelDiagnosis) -> Interval:
    return found.passes[max(found.passes)]


_LISTENING = "both shipped organisms listen by more than .5 and learn; one that listened by about .2 did not"

RULES: tuple[AdviceRule, ...] = (
    AdviceRule(
        name="format",
        what="format valid",
        number=lambda found: found.format_valid,
        side="below",
        threshold=0.5,
        says="Format first: prime with a few hundred traces in the right format (of Countdown: `prime direct SET.jsonl`"
        " shows no habits; then `train sft --data SET.jsonl`), or show one in the prompt. RL would spend its steps on"
        " format, and every comparison of arms would be one of format.",
        source="base models of the Four Habits paper began near 0 % right because answers could not be read",
        stops=True,
    ),
    AdviceRule(
        name="truncated",
        what="cut off at the token limit",
        number=lambda found: found.truncated,
        side="above",
        threshold=0.2,
        says="Raise episode.max_attempt_tokens, or prime with shorter traces (`prime direct`): what is cut off cannot"
        " be right.",
        source="a fifth of the samples lost is more than most differences between arms",
    ),
    AdviceRule(
        name="too hard",
        what="pass@k of the largest k",
        number=_best,
        side="below",
        threshold=0.05,
        says="Take easier problems, or a larger model: what is never right is never rewarded.",
        source="below one solved problem in twenty, nearly every group is flat at any affordable size",
        stops=True,
    ),
    AdviceRule(
        name="too easy",
        what="first try",
        number=lambda found: found.first_try,
        side="above",
        threshold=0.9,
        says="Take harder problems: there is little left to gain here.",
        source="a gain of more than ten points is no longer possible",
        stops=True,
    ),
    AdviceRule(
        name="flat groups",
        what="flat groups of the largest size",
        number=_flat,
        side="above",
        threshold=0.7,
        says="Use larger groups or problems nearer to the model's reach: from flat groups nothing is learned.",
        source="with less than three groups in ten left, a step costs more than three times as much",
    ),
    AdviceRule(
        name="no search",
        what="share that shows the commoner of verification and backtracking",
        number=_most_searching,
        side="below",
        threshold=0.1,
        says="Prime first, with the set `backtracking-verification` (`prime backtracking-verification SET.jsonl`, then"
        " `train sft --data SET.jsonl`), then RL: this model seldom checks or starts again. `all-strategies` did as"
        " well in our study; sets without verification did not help there.",
        source="Four Habits: Llama-3.2-3B showed .10 verifications and .20 backtracks a completion and stalled at 34 %;"
        " Qwen-2.5-3B showed .62 and .65 and reached 54 %",
    ),
    AdviceRule(
        name="one answer",
        what="pairs of samples that differ",
        number=lambda found: found.distinct,
        side="below",
        threshold=0.3,
        says="Sample at a higher temperature, or prime with varied traces (`prime all-strategies`): the samples of a"
        " problem are mostly alike.",
        source="groups of equal samples are flat",
    ),
    AdviceRule(
        name="listens",
        what="listening",
        number=lambda found: found.listening,
        side="above",
        threshold=0.25,
        says="Reflect, Retry, Reward can work (`train reflect-retry`): retries use what a good reflection says.",
        source=_LISTENING,
    ),
    AdviceRule(
        name="does not listen",
        what="listening",
        number=lambda found: found.listening,
        side="below",
        threshold=0.25,
        says="Train the first try (`train grpo`), not reflections: retries take little notice of what they say.",
        source=_LISTENING,
    ),
)


TRAIN_NOW = AdviceRule(
    name="train now",
    what="first try",
    number=lambda found: found.first_try,
    side="below",
    threshold=0.9,
    says="Train now (`train grpo`, or `train ppo` as the paper did): nothing above stands in the way.",
    source="no other rule speaks",
)
"""Said where no rule objects; which turn is to learn is no objection."""
WHICH_TURN = ("listens", "does not listen")


def advise(found: ModelDiagnosis) -> list[Advice]:
    """Return what the rules say, in their order; "train now" where none of them objects."""
    given: list[Advice] = []
    for rule in RULES:
        advice = rule.speaks(found)
        if advice is not None:
            given.append(advice)
            if rule.stops:
                return given
    if all(item.rule.name in WHICH_TURN for item in given):
        given.append(Advice(rule=TRAIN_NOW, number=found.first_try))
    return given


def undecided(found: ModelDiagnosis) -> list[Advice]:
    """Return rules whose threshold lies within the number's interval, a number once; more problems may decide them."""
    near: dict[str, Advice] = {}
    for rule in RULES:
        value = rule.known(found)
        if value is not None and value.low <= rule.threshold <= value.high:
            near.setdefault(rule.what, Advice(rule=rule, number=value))
    return list(near.values())
