"""The pattern detector: finds behaviours by their wording, with no model and no network, the same for the same text.

    literals --hits--> sentences around them --context rules--> spans --loops taken out--> a Reading

Only sentences that hold an anchor word are looked at, so most text costs one pass of an automaton. What decides is the
whole sentence: `Wait, that's not right` goes back, `Wait for the bus` does not. A sentence counts once for a behaviour.

It knows wordings, not deeds: a check that is done without a word about it is not found, and a model that learns to
write `Let me check` without checking is counted. The functional detector and a judge are the other views.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from secondthought.habits import phrases as wording
from secondthought.habits import repeats, sentences
from secondthought.habits.catalog import Behavior, Pattern, shipped
from secondthought.habits.literals import Literals, low
from secondthought.types import Reading, Span, Thought

_BEFORE = 160
_Find = Callable[[str], re.Match[str] | None]


@dataclass(frozen=True, slots=True)
class _Rule:
    behavior: str
    match: tuple[_Find, ...]
    after: _Find | None
    unless: tuple[_Find, ...]

    @classmethod
    def of(cls, behavior: str, pattern: Pattern) -> _Rule:
        return cls(
            behavior=behavior,
            match=tuple(_find(regex) for regex in pattern.match),
            after=None if pattern.after is None else _find(pattern.after),
            unless=tuple(_find(regex) for regex in pattern.unless),
        )

    def fires(self, plain: str, text: str, start: int) -> bool:
        """True for the sentence, in its plain form, that begins at `start` of the text."""
        for find in self.match:
            if find(plain) is not None:
                break
        else:
            return False
        for find in self.unless:
            if find(plain) is not None:
                return False
        return self.after is None or self.after(sentences.plain(text[max(0, start - _BEFORE) : start])) is not None


class PatternDetector:
    """Finds behaviours by the patterns of their files; the shipped four unless others are given.

    >>> PatternDetector().detect([Thought(text="It is 3. Wait, that's not right.")])[0].counts["backtracking"]
    1
    """

    name = "patterns"

    def __init__(self, behaviors: Sequence[Behavior] | None = None, *, fast: bool = True) -> None:
        chosen = shipped() if behaviors is None else tuple(behaviors)
        self.behaviors = tuple(behavior.name for behavior in chosen)
        self._rules = [_Rule.of(behavior.name, pattern) for behavior in chosen for pattern in behavior.patterns]
        anchored: dict[str, list[int]] = {}
        for number, pattern in enumerate(pattern for behavior in chosen for pattern in behavior.patterns):
            for anchor in pattern.anchors:
                anchored.setdefault(low(anchor), []).append(number)
        self._anchored = [frozenset(rules) for rules in anchored.values()]
        self._literals = Literals(anchored, fast=fast)

    def detect(self, thoughts: Sequence[Thought]) -> list[Reading]:
        """One reading per thought; every count is a number, since patterns can always tell what they see."""
        return [self.read(thought.text) for thought in thoughts]

    def read(self, text: str) -> Reading:
        """Counts and spans of one text."""
        spans = repeats.once(text, sorted(self._spans(text), key=lambda span: (span.start, span.behavior)))
        counts = dict.fromkeys(self.behaviors, 0)
        for span in spans:
            counts[span.behavior] += 1
        return Reading(counts=counts, spans=tuple(spans))

    def _spans(self, text: str) -> Iterator[Span]:
        for start, end, rules in self._sentences(text):
            plain = sentences.plain(text[start:end])
            seen: set[str] = set()
            for number in sorted(rules):
                rule = self._rules[number]
                if rule.behavior not in seen and rule.fires(plain, text, start):
                    seen.add(rule.behavior)
                    yield Span(behavior=rule.behavior, start=start, end=end, text=text[start:end])

    def _sentences(self, text: str) -> Iterator[tuple[int, int, set[int]]]:
        """Sentences with anchors, in order and disjoint, each with the rules that its anchors ask for."""
        first = last = 0
        rules: set[int] = set()
        for hit in self._literals.hits(text):
            if hit.start >= last:
                if rules:
                    yield first, last, rules
                first, last = sentences.around(text, hit.start, hit.end, floor=last)
                rules = set()
            rules |= self._anchored[hit.number]
        if rules:
            yield first, last, rules


def _find(pattern: str) -> _Find:
    """Looks at the start alone where the pattern can match nowhere else: `re` would try every place."""
    expanded = wording.expand(pattern)
    regex = re.compile(expanded)
    return regex.match if wording.at_start(expanded) else regex.search
