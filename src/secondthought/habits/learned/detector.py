"""The learned detector reads a text window by window, and says of each whether it shows a habit.

A count is a number of windows, those of a loop once. So rates differ from those of the pattern detector, which counts
sentences. What it points at is a window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from secondthought.habits import repeats
from secondthought.habits.learned import weights
from secondthought.habits.learned.weights import HabitWeights
from secondthought.habits.learned.windows import features_of, windows_of
from secondthought.habits.patterns import PatternDetector
from secondthought.types import Reading, Span, Thought


class LearnedDetector:
    """A `LearnedDetector` finds habits by what it learned from windows that were read; see `Detector`."""

    name = "learned"

    def __init__(self, habits: Mapping[str, HabitWeights] | None = None) -> None:
        """Take the weights; those that ship if none are given."""
        self._habits = dict(weights.shipped() if habits is None else habits)
        self.behaviors = tuple(self._habits)
        self._patterns = PatternDetector()

    def detect(self, thoughts: Sequence[Thought]) -> list[Reading]:
        """Return one reading per thought; its counts are never missing."""
        return [self.read(thought.text) for thought in thoughts]

    def read(self, text: str) -> Reading:
        """Read one text: counts and windows."""
        found = [
            Span(behavior=habit, start=start, end=end, text=text[start:end])
            for start, end in windows_of(text)
            for habit, p in self.probabilities(text[start:end]).items()
            if p >= self._habits[habit].threshold
        ]
        spans = repeats.once(text, found)
        counts = dict.fromkeys(self.behaviors, 0)
        for span in spans:
            counts[span.behavior] += 1
        return Reading(counts=counts, spans=tuple(spans))

    def probabilities(self, window: str) -> dict[str, float]:
        """Return how likely one window shows each habit."""
        features = features_of(window, self._patterns.read(window).counts)
        return {habit: each.probability(features) for habit, each in self._habits.items()}
