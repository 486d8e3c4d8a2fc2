"""Counts of what a corpus holds, per source: they add up, so that each piece is counted by itself.

The numbers are defined in docs/metrics.md ("Corpora").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from secondthought.data.corpora.lots import Lot, MarkSample
from secondthought.habits.rates import rate_of
from secondthought.stats import Interval, Ratio, to_json, wilson

OTHERS = "(other sources)"
MOST_SOURCES = 200
"""Sources that are counted by name; a corpus that names one for each page must not fill the memory."""
_PER = 1000


@dataclass(slots=True)
class MarkCounts:
    """`MarkCounts` say of one mark (a habit, a problem, a solution) how many documents show it, and how often."""

    shown: int = 0
    finds: int = 0
    squares: int = 0
    """Finds of each document squared, summed."""
    products: int = 0
    """Finds of each document times its words, summed."""

    def add(self, count: int, words: int) -> None:
        """Count one document that shows it."""
        self.shown += 1
        self.finds += count
        self.squares += count * count
        self.products += count * words

    def merge(self, other: MarkCounts) -> None:
        """Add the counts of other documents."""
        self.shown += other.shown
        self.finds += other.finds
        self.squares += other.squares
        self.products += other.products


@dataclass(slots=True)
class SourceCounts:
    """`SourceCounts` are the counts of the documents of one source: whole numbers, which add up in any order."""

    documents: int = 0
    characters: int = 0
    words: int = 0
    word_squares: int = 0
    marks: dict[str, MarkCounts] = field(default_factory=dict)

    def add(self, text: str, counts: Mapping[str, int]) -> None:
        """Count one document."""
        # To split would take a tenth of all time.
        words = text.count(" ") + text.count("\n") + 1
        self.documents += 1
        self.characters += len(text)
        self.words += words
        self.word_squares += words * words
        for name, count in counts.items():
            mark = self.marks.get(name) or self.marks.setdefault(name, MarkCounts())
            if count:
                mark.add(count, words)

    def merge(self, other: SourceCounts) -> None:
        """Add the counts of other documents."""
        self.documents += other.documents
        self.characters += other.characters
        self.words += other.words
        self.word_squares += other.word_squares
        for name, counts in other.marks.items():
            self.marks.setdefault(name, MarkCounts()).merge(counts)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> SourceCounts:
        """Return the counts whose fields were written."""
        marks = {name: MarkCounts(**mark) for name, mark in state["marks"].items()}
        return cls(**{**state, "marks": marks})

    def prevalence(self, mark: str) -> Interval:
        """Return the share of documents that show a mark, with Wilson's interval."""
        return wilson(self.marks[mark].shown if mark in self.marks else 0, self.documents)

    def per_1000_words(self, mark: str) -> Interval:
        """Return how often a mark occurs in 1,000 words; documents count as independent."""
        found = self.marks.get(mark, MarkCounts())
        ratio = Ratio(
            n=self.documents,
            y=found.finds,
            x=self.words,
            yy=found.squares,
            xy=found.products,
            xx=self.word_squares,
        )
        return rate_of(ratio, self.documents, _PER)

    def to_json(self) -> dict[str, Any]:
        """Return the numbers with their intervals."""
        found = {
            name: to_json({"prevalence": self.prevalence(name), "per_1000_words": self.per_1000_words(name)})
            for name in self.marks
        }
        return {"documents": self.documents, "characters": self.characters, "words": self.words, "marks": found}


@dataclass(slots=True)
class CorpusCounts:
    """`CorpusCounts` are the counts of several sources, and of what had to be set aside."""

    sources: dict[str, SourceCounts] = field(default_factory=dict)
    samples: dict[str, MarkSample] = field(default_factory=dict)
    """Of each mark, documents of all sources that show it and that do not."""
    set_aside: int = 0

    def add(self, source: str, text: str, counts: Mapping[str, int], lot: Lot) -> None:
        """Count one document of a source."""
        self._of(source).add(text, counts)
        for name, count in counts.items():
            sample = self.samples.get(name) or self.samples.setdefault(name, MarkSample())
            sample.add(count > 0, lot)

    def merge(self, other: CorpusCounts) -> None:
        """Add the counts of other documents."""
        self.set_aside += other.set_aside
        for name, counts in other.sources.items():
            self._of(name).merge(counts)
        for name, sample in other.samples.items():
            self.samples.setdefault(name, MarkSample()).merge(sample)

    def _of(self, source: str) -> SourceCounts:
        if source not in self.sources and len(self.sources) >= MOST_SOURCES:
            source = OTHERS
        return self.sources.get(source) or self.sources.setdefault(source, SourceCounts())

    def total(self) -> SourceCounts:
        """Return the counts of all sources together."""
        everything = SourceCounts()
        for counts in self.sources.values():
            everything.merge(counts)
        return everything

    def to_state(self) -> dict[str, Any]:
        """Return all that `from_state` needs, as JSON holds it."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> CorpusCounts:
        """Return the counts that were written by `to_state`."""
        sources = {name: SourceCounts.from_state(counts) for name, counts in state["sources"].items()}
        samples = {name: MarkSample.from_state(sample) for name, sample in state["samples"].items()}
        return cls(sources=sources, samples=samples, set_aside=state["set_aside"])


def merged(parts: Iterable[CorpusCounts]) -> CorpusCounts:
    """Return the counts of all parts together."""
    everything = CorpusCounts()
    for part in parts:
        everything.merge(part)
    return everything


def marks_in(counts: CorpusCounts) -> tuple[str, ...]:
    """Return the names of all marks, each once, in the order of their first appearance."""
    return tuple(dict.fromkeys(name for source in counts.sources.values() for name in source.marks))
