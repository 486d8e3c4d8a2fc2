"""Rates say how often habits show in texts: presence, counts, counts per length, given right and given wrong.

The numbers are defined in docs/metrics.md. Totals run on, so that a file of any length takes the same memory. What a
detector could not tell (a count of None) is left out of that habit's numbers and counted as missing, never as 0.

Detectors find the habits; the command line reads files of texts, and `report` reads runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from secondthought.stats import NORMAL_POINT, UNDEFINED, Interval, Ratio, share_of_clusters, to_json, wilson

Unit: TypeAlias = Literal["tokens", "words"]

_PER = 1000
_MOST_UNSEEN = -math.log(0.025)
"""The most finds to expect where none was seen, at 95 % two-sided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """An `Observed` text was read: `tokens` is None where its ids are unknown, `correct` where nothing verified it."""

    counts: Mapping[str, int | None]
    words: int
    tokens: int | None = None
    correct: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HabitRates:
    """`HabitRates` are the numbers of one habit in some texts; see docs/metrics.md."""

    missing: int
    total: int
    presence: Interval
    mean_count: Interval
    per_1000: Interval

    def to_json(self, unit: Unit) -> dict[str, Any]:
        """Return the numbers under names that say what `per_1000` counts."""
        found = {"presence": self.presence, "mean_count": self.mean_count, f"per_1000_{unit}": self.per_1000}
        return {"missing": self.missing, "total": self.total, **to_json(found)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesByVerdict:
    """`RatesByVerdict` are one habit's rates in all texts, in those that were right, and in those that were wrong."""

    all: HabitRates
    correct: HabitRates
    wrong: HabitRates


@dataclass(frozen=True, slots=True, kw_only=True)
class HabitSummary:
    """A `HabitSummary` holds the rates of several habits in the same texts. `unit` says what `per_1000` counts."""

    texts: int
    correct: int
    wrong: int
    unit: Unit
    behaviors: Mapping[str, RatesByVerdict]

    def to_json(self) -> dict[str, Any]:
        """Return what the last line of `secondthought habits` holds."""
        return {
            "texts": self.texts,
            "correct": self.correct,
            "wrong": self.wrong,
            "unjudged": self.texts - self.correct - self.wrong,
            "unit": self.unit,
            "behaviors": {name: self._json_of(rates) for name, rates in self.behaviors.items()},
        }

    def _json_of(self, rates: RatesByVerdict) -> dict[str, Any]:
        given = {"given_correct": rates.correct.to_json(self.unit), "given_wrong": rates.wrong.to_json(self.unit)}
        return {**rates.all.to_json(self.unit), **given}


@dataclass(slots=True)
class _Totals:
    """`_Totals` are running totals of one habit in one set of texts."""

    missing: int = 0
    shown: int = 0
    per_text: Ratio = field(default_factory=Ratio)
    per_word: Ratio = field(default_factory=Ratio)
    per_token: Ratio = field(default_factory=Ratio)

    def add(self, count: int | None, text: Observed) -> None:
        if count is None:
            self.missing += 1
            return
        self.shown += count > 0
        self.per_text.add(count, 1)
        self.per_word.add(count, text.words)
        if text.tokens is not None:
            self.per_token.add(count, text.tokens)

    def rates(self, unit: Unit) -> HabitRates:
        per_length = self.per_token if unit == "tokens" else self.per_word
        return HabitRates(
            missing=self.missing,
            total=round(self.per_text.y),
            presence=wilson(self.shown, self.per_text.n),
            mean_count=rate_of(self.per_text, self.per_text.n),
            per_1000=rate_of(per_length, self.per_text.n, _PER),
        )


class HabitTally:
    """A `HabitTally` keeps running totals of several habits: `add` texts one by one, then ask for `habits`."""

    def __init__(self, behaviors: Sequence[str]) -> None:
        """Name the habits to count."""
        self._behaviors = tuple(behaviors)
        self._sets = {name: (_Totals(), _Totals(), _Totals()) for name in behaviors}
        self._texts = self._correct = self._wrong = self._without_tokens = 0

    def add(self, text: Observed) -> None:
        """Count one text."""
        self._texts += 1
        self._correct += text.correct is True
        self._wrong += text.correct is False
        self._without_tokens += text.tokens is None
        for name in self._behaviors:
            everything, correct, wrong = self._sets[name]
            count = text.counts[name]
            everything.add(count, text)
            if text.correct is not None:
                (correct if text.correct else wrong).add(count, text)

    def habits(self) -> HabitSummary:
        """Compute the numbers so far. Lengths are in tokens if all texts have theirs, else in words for all texts."""
        unit: Unit = "words" if self._without_tokens or not self._texts else "tokens"
        return HabitSummary(
            texts=self._texts,
            correct=self._correct,
            wrong=self._wrong,
            unit=unit,
            behaviors={
                name: RatesByVerdict(all=every.rates(unit), correct=right.rates(unit), wrong=wrong.rates(unit))
                for name, (every, right, wrong) in self._sets.items()
            },
        )


def summarise_habits(texts: Iterable[Observed], behaviors: Sequence[str]) -> HabitSummary:
    """Summarise the habits of these texts, each text taken as independent of the others.

    >>> read = [Observed(counts={"verification": n}, words=10, correct=n > 0) for n in (0, 2, 1)]
    >>> found = summarise_habits(read, ["verification"])
    >>> habit = found.behaviors["verification"]
    >>> habit.all.mean_count.estimate, habit.all.per_1000.estimate, found.unit, habit.wrong.total
    (1.0, 100.0, 'words', 0)
    """
    tally = HabitTally(behaviors)
    for text in texts:
        tally.add(text)
    return tally.habits()


def rates_in_groups(groups: Iterable[Sequence[Observed]], behavior: str) -> HabitRates:
    """Measure one habit in groups of texts (samples of one problem): groups are independent, their texts are not.

    The interval of `presence` is that of `stats.share_of_clusters`, those of counts are those of `Ratio` over groups.
    Groups that do not differ say little: the bounds are then those of as many texts as there are groups. `n` is the
    number of groups, and `per_1000` counts tokens.

    >>> read = [[Observed(counts={"verification": n}, words=5, tokens=10) for n in group] for group in ([0, 2], [1, 1])]
    >>> found = rates_in_groups(read, "verification")
    >>> found.total, found.mean_count.estimate, found.per_1000.estimate, found.presence.estimate, found.presence.n
    (4, 1.0, 100.0, 0.75, 2)
    """
    missing = 0
    presence, mean_count, per_token = Ratio(), Ratio(), Ratio()
    for group in groups:
        known = [(count, text) for text in group if (count := text.counts[behavior]) is not None]
        missing += len(group) - len(known)
        if known:
            total = sum(count for count, _ in known)
            presence.add(sum(count > 0 for count, _ in known), len(known))
            mean_count.add(total, len(known))
            per_token.add(total, sum(text.tokens or 0 for _, text in known))
    return HabitRates(
        missing=missing,
        total=round(mean_count.y),
        presence=share(presence),
        mean_count=rate_of(mean_count, mean_count.x),
        per_1000=rate_of(per_token, mean_count.x, _PER),
    )


def rate_of(counts: Ratio, texts: float, scale: float = 1) -> Interval:
    """Estimate a rate of finds, which is never below 0.

    Where no scatter is seen, without a find or with as many in every text, Student's interval has no width, though few
    texts prove little. Then the bounds are Poisson's for the finds of one text a group (of `texts` in groups).
    """
    found = counts.interval(scale)
    if found.is_bounded or counts.n < 2 or not counts.x:
        return found.within(0.0, math.inf)
    finds, per_find = counts.y * counts.n / texts, texts / (counts.n * counts.x) * scale
    low, high = _poisson(finds)
    return Interval(estimate=found.estimate, low=low * per_find, high=high * per_find, n=found.n)


def _poisson(finds: float) -> tuple[float, float]:
    """Return the rates at which this many finds are just not too few or too many, at 95 % two-sided.

    Without a find the upper one is exact: not to see one has a chance of 2.5 %. Else they are the score test's.
    """
    if not finds:
        return 0.0, _MOST_UNSEEN
    half = NORMAL_POINT * math.sqrt(finds + NORMAL_POINT**2 / 4)
    return finds + NORMAL_POINT**2 / 2 - half, finds + NORMAL_POINT**2 / 2 + half


def right_difference(groups: Iterable[Sequence[Observed]], behavior: str) -> Ratio:
    """Compare texts that show a habit with those of the same group that do not: how much more of them are right.

    The ratio is Mantel and Haenszel's risk difference (1959; Greenland and Robins 1985), a group being a stratum:

        sum over groups of (a n0 - b n1) / n   over   sum over groups of n1 n0 / n

    with a of n1 texts right that show it, and b of n0 that do not, n in all. A group's numerator is the sum of the
    advantages (right minus the group's mean) of the texts that show it: what GRPO adds to their likelihood. Groups in
    which all show it, or none, say nothing.

    >>> shown_and_right = [(1, True), (1, True), (0, False), (0, True)]
    >>> group = [Observed(counts={"verification": n}, words=5, correct=right) for n, right in shown_and_right]
    >>> right_difference([group], "verification").interval().estimate
    0.5
    """
    pairs = Ratio()
    for group in groups:
        known = [(count > 0, text.correct) for text in group if (count := text.counts[behavior]) is not None]
        judged = [(shows, right) for shows, right in known if right is not None]
        n, n1 = len(judged), sum(shows for shows, _ in judged)
        if 0 < n1 < n:
            a = sum(right for shows, right in judged if shows)
            b = sum(right for _, right in judged) - a
            pairs.add((a * (n - n1) - b * n1) / n, n1 * (n - n1) / n)
    return pairs


def difference(pairs: Ratio) -> Interval:
    """Estimate a `right_difference`, which is never beyond 100 points."""
    return pairs.interval().within(-1.0, 1.0)


def share(groups: Ratio) -> Interval:
    """Estimate a share of texts in groups, within 0 and 1; see `stats.share_of_clusters`."""
    if not groups.x:
        return replace(UNDEFINED, n=groups.n)
    return share_of_clusters(groups.y / groups.x, groups.deviation, groups.n)
