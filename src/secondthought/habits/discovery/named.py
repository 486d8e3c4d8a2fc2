"""What has a name already: of a discovery's examples, those on which the pattern detector finds a named habit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from secondthought.habits.patterns import PatternDetector, shipped_detector
from secondthought.stats import Interval, wilson
from secondthought.types import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """A `Cover` says in how many examples a named habit is found on the very words."""

    by_any: Interval
    by_habit: Mapping[str, float]

    @property
    def most(self) -> tuple[str, float] | None:
        """Return the habit that covers most examples, and its share; None where no habit covers any."""
        habit = max(self.by_habit, key=lambda name: self.by_habit[name], default=None)
        return None if habit is None or not self.by_habit[habit] else (habit, self.by_habit[habit])


@dataclass(slots=True)
class NamedHabits:
    """`NamedHabits` reads each text once, when it is asked for."""

    texts: Sequence[str]
    detector: PatternDetector = field(default_factory=shipped_detector)
    _read: dict[int, tuple[Span, ...]] = field(default_factory=dict, init=False)

    def cover(self, stretches: Sequence[tuple[int, int, int]]) -> Cover:
        """Return how far the habits cover stretches: each is the place of a text, and a start and end in it."""
        met = [self._met(*stretch) for stretch in stretches]
        shares = {name: sum(name in found for found in met) / len(met) for name in self.detector.behaviors}
        return Cover(by_any=wilson(sum(map(bool, met)), len(met)), by_habit=shares)

    def _met(self, place: int, start: int, end: int) -> set[str]:
        if place not in self._read:
            self._read[place] = self.detector.read(self.texts[place]).spans
        return {span.behavior for span in self._read[place] if span.start < end and start < span.end}
