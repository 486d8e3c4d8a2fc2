"""The pattern detector finds habits by their wording, with no model and no network, the same for the same text.

    literals --hits--> sentences around them --context rules--> spans --loops taken out--> a Reading

Only sentences that hold a literal of a pattern are looked at, so most text costs one pass of an automaton. The whole
sentence decides: `Wait, that's not right` goes back, `Wait for the bus` does not. A sentence counts once for a habit.

It knows wordings, not deeds: a check that is done without a word about it is not found, and a model that learns to
write `Let me check` without checking is counted. The functional detector and a judge are the other views.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from secondthought.habits import phrases, repeats, sentences
from secondthought.habits.catalog import HabitDefinition, Pattern, shipped
from secondthought.habits.finding import finder
from secondthought.habits.literals import Literals, lowered
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
            match=tuple(finder(phrases.expand(regex)) for regex in pattern.match),
            after=None if pattern.after is None else finder(phrases.expand(pattern.after)),
            unless=tuple(finder(phrases.expand(regex)) for regex in pattern.unless),
        )

    def fires(self, plain: str, text: str, start: int) -> bool:
        """Return True if the sentence that begins at `start` of the text, given in its plain form, shows the habit."""
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
    """A `PatternDetector` finds habits by the patterns of their definitions; see `Detector`.

    >>> PatternDetector().detect([Thought(text="It is 3. Wait, that's not right.")])[0].counts["backtracking"]
    1
    """

    name = "patterns"

    def __init__(self, behaviors: Sequence[HabitDefinition] | None = None, *, fast: bool = True) -> None:
        """Take the definitions; those that ship if none are given. `fast` is that of `Literals`."""
        chosen = shipped() if behaviors is None else tuple(behaviors)
        self.behaviors = tuple(behavior.name for behavior in chosen)
        self._rules = [_Rule.of(behavior.name, pattern) for behavior in chosen for pattern in behavior.patterns]
        rules_of: dict[str, list[int]] = {}
        for number, pattern in enumerate(pattern for behavior in chosen for pattern in behavior.patterns):
            for literal in pattern.literals:
                rules_of.setdefault(lowered(literal), []).append(number)
        self._rules_of_literal = [frozenset(rules) for rules in rules_of.values()]
        self._literals = Literals(rules_of, fast=fast)

    def detect(self, thoughts: Sequence[Thought]) -> list[Reading]:
        """Return one reading per thought; its counts are never missing, since patterns can tell of any text."""
        return [self.read(thought.text) for thought in thoughts]

    def read(self, text: str) -> Reading:
        """Read one text: counts and spans."""
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
        """Yield the sentences with literals, in order and disjoint, each with the rules that its literals ask for."""
        first = last = 0
        rules: set[int] = set()
        for hit in self._literals.hits(text):
            if hit.start >= last:
                if rules:
                    yield first, last, rules
                first, last = sentences.around(text, hit.start, hit.end, floor=last)
                rules = set()
            rules |= self._rules_of_literal[hit.number]
        if rules:
            yield first, last, rules


@cache
def shipped_detector() -> PatternDetector:
    """Return the detector of the habits that ship, made once a process."""
    return PatternDetector()
