"""Advice says what to do next, from a diagnosis: the rules that speak, or that the numbers are too uncertain for.

A rule speaks only where the number's 95 % interval lies wholly beyond the threshold; an interval that holds it is too
uncertain to act on, and is named as such.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from secondthought.preflight.diagnose.measure import ModelDiagnosis
from secondthought.preflight.diagnose.rule import AdviceRule, Remedy
from secondthought.preflight.diagnose.rules import RULES
from secondthought.preflight.diagnose.sample_rules import TRAIN_NOW
from secondthought.stats import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """An `Advice` holds a rule, the number that makes it speak or keeps it from speaking, and what to do."""

    rule: AdviceRule
    number: Interval
    remedy: Remedy
    commands: Sequence[str]

    def to_json(self) -> dict[str, object]:
        """Return the advice as `diagnose --json` prints it."""
        return {
            "rule": self.rule.name,
            "says": self.remedy.says,
            "what": self.rule.what,
            "number": {name: getattr(self.number, name) for name in ("estimate", "low", "high")},
            "threshold": f"{self.rule.side} {self.rule.threshold:g}",
            "source": self.rule.source,
            "commands": list(self.commands),
        }


def advise(found: ModelDiagnosis) -> list[Advice]:
    """Return what the rules say, in their order; "train now" where none of them objects."""
    given: list[Advice] = []
    for rule in RULES:
        advice = _of(rule, found) if rule.speaks(found) else None
        if advice is not None:
            given.append(advice)
            if rule.stops:
                return given
    train = _of(TRAIN_NOW, found)
    if train is not None and not any(item.rule.objects for item in given):
        given.append(train)
    return given


def undecided(found: ModelDiagnosis) -> list[Advice]:
    """Return rules whose threshold lies within the number's interval, a number once; more problems may decide them."""
    near: dict[str, Advice] = {}
    for rule in RULES:
        value = rule.known(found)
        if value is not None and value.low <= rule.threshold <= value.high:
            advice = _of(rule, found)
            if advice is not None:
                near.setdefault(rule.what, advice)
    return list(near.values())


def _of(rule: AdviceRule, found: ModelDiagnosis) -> Advice | None:
    """Put together what a rule advises on this task; None where it has no remedy there."""
    number = rule.known(found)
    remedy = next((one for one in rule.remedies if one.applies(found.subject)), None)
    if number is None or remedy is None:
        return None
    return Advice(rule=rule, number=number, remedy=remedy, commands=remedy.commands(found))
