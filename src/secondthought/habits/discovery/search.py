"""The search: texts of two sides in, what changed between them out, with no judge and no list of what to look for.

    texts --words--> grams that enough texts hold --folding--> phrases     --tests--> discoveries
                     sentences                    --clusters--> sentences  --tests--> discoveries

What is tested is chosen without a look at the sides: what enough texts hold, and what could show a change at all if all
of these were on one side. Of what is tested, those are discoveries that the false discovery rate of all tests of their
kind allows (Benjamini and Hochberg 1995; Gilbert 2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from secondthought.habits import sentences
from secondthought.habits.discovery.changes import FEWEST_PROBLEMS, RateChange, ExactTest, Sides, level_for
from secondthought.habits.discovery.clusters import sentence_clusters
from secondthought.habits.discovery.echoes import FoundPhrase, without_echoes
from secondthought.habits.discovery.folding import folded, in_full
from secondthought.habits.discovery.grams import frequent_grams
from secondthought.habits.discovery.named import Cover, NamedHabits
from secondthought.habits.discovery.texts import WrittenText
from secondthought.habits.discovery.words import Numbers, WordTable, word_table
from secondthought.progress import SILENT, Onlooker
from secondthought.stats import benjamini_hochberg, testable

Kind: TypeAlias = Literal["phrase", "sentences"]

EXAMPLES = 3
_READ_FOR_COVER = 60
"""Examples of a discovery in which named habits are looked for, evenly spaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`Limits` say what is looked for, and what counts as found."""

    longest: int = 5
    """Words of the longest runs that are counted."""
    least_texts: int = 5
    """Texts that must hold something for it to be tested."""
    alpha: float = 0.05
    """Share of the discoveries that may be false."""
    top: int = 20
    """Discoveries of each kind to return, those that changed most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An `Example` is a sentence in which something was found; `source` says where."""

    source: str
    is_after: bool
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """A `Discovery` is a phrase, or a kind of sentence, whose rate changed."""

    kind: Kind
    name: str
    """The phrase as far as nearly all its texts have it; of sentences, the most central one."""
    change: RateChange
    q: float
    """The least false discovery rate at which this is a discovery."""
    cover: Cover
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """A `Searched` is what came of one kind: how many were tested, how many are discoveries, and the first of them."""

    seen: int
    """How many enough texts hold, those included of which a change could not show."""
    tested: int
    found: int
    echoes: int
    """Discoveries that others explain: they are not among those that are returned."""
    discoveries: tuple[Discovery, ...]
    level: float
    """Of the intervals of differences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discoveries:
    """`Discoveries` are what changed between two sets of texts; `why_not` says why nothing could be told."""

    sides: Sides
    phrases: Searched
    sentences: Searched
    in_problems: int
    """Phrases that were left out since they stand in the problems of those who wrote them."""
    why_not: str | None = None


_NOTHING = Searched(seen=0, tested=0, found=0, echoes=0, discoveries=(), level=1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _PossibleChange:
    """A `_PossibleChange` is what may have changed: the texts that hold it, and which words of each."""

    kind: Kind
    texts: Numbers
    places: Numbers
    lengths: Numbers
    test: ExactTest


def discover(
    before: Sequence[WrittenText],
    after: Sequence[WrittenText],
    limits: Limits | None = None,
    onlooker: Onlooker = SILENT,
) -> Discoveries:
    """Find the phrases and kinds of sentences whose rate changed most.

    Args:
        before: the texts of one side.
        after: those of the other; where both are mostly about the same problems, they are compared in pairs.
        limits: what is looked for, and what counts as found.
        onlooker: who is told how far the search is.
    """
    limits = limits or Limits()
    sides = Sides.of(before, after)
    if (why_not := _why_not(sides)) is not None:
        return Discoveries(sides=sides, phrases=_NOTHING, sentences=_NOTHING, in_problems=0, why_not=why_not)
    givens = {text.given: place for place, text in enumerate({text.given: text for text in sides.texts}.values())}
    given = np.array([len(sides.texts) + givens[text.given] for text in sides.texts], dtype=np.int64)
    with onlooker.stage("words"):
        table = word_table([*(text.text for text in sides.texts), *givens])
    search = _Search(sides=sides, table=table, limits=limits, named=NamedHabits([text.text for text in sides.texts]))
    with onlooker.stage("phrases"):
        frequent = frequent_grams(table, given, longest=limits.longest, least=limits.least_texts)
        phrases = search.among(
            [
                search.candidate("phrase", gram.texts, gram.places, np.full(len(gram.texts), len(gram.words)))
                for gram in folded(frequent.grams)
            ]
        )
    with onlooker.stage("sentences"):
        clusters = sentence_clusters(table, given, least=limits.least_texts)
        said = search.among([search.candidate("sentences", c.texts, c.places, c.lengths) for c in clusters])
    return Discoveries(sides=sides, phrases=phrases, sentences=said, in_problems=frequent.in_problems)


def _why_not(sides: Sides) -> str | None:
    """Say why nothing can be told, where there are too few problems."""
    texts, problems = sides.num_texts, sides.num_problems
    if min(problems) >= FEWEST_PROBLEMS:
        return None
    return (
        f"cannot tell: {texts[0]} texts about {problems[0]} problems before and {texts[1]} about {problems[1]} after; "
        f"at least {FEWEST_PROBLEMS} problems on each side are needed"
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Search:
    """A `_Search` tests candidates and describes those that are discoveries."""

    sides: Sides
    table: WordTable
    limits: Limits
    named: NamedHabits

    def candidate(self, kind: Kind, texts: Numbers, places: Numbers, lengths: Numbers) -> _PossibleChange:
        return _PossibleChange(kind=kind, texts=texts, places=places, lengths=lengths, test=self.sides.test(texts))

    def among(self, candidates: Sequence[_PossibleChange]) -> Searched:
        """Return the discoveries among candidates of one kind."""
        alpha = self.limits.alpha
        have_a_say = testable([each.test.least for each in candidates], alpha)
        tested = [each for each, has_a_say in zip(candidates, have_a_say, strict=True) if has_a_say]
        rates = benjamini_hochberg([each.test.p for each in tested])
        chosen = [(q, each) for q, each in zip(rates, tested, strict=True) if q <= alpha]
        seen = len(candidates)
        if not chosen:
            return Searched(seen=seen, tested=len(tested), found=0, echoes=0, discoveries=(), level=1 - alpha)
        level = level_for(len(chosen), len(tested), alpha)
        told = self._without_echoes([each for _, each in chosen])
        ranked = sorted(
            ((self.sides.change(each.texts, level), q, each) for q, each in chosen if any(each is one for one in told)),
            key=lambda item: (-_sure(item[0]), -abs(item[0].difference.estimate), item[1], int(item[2].places[0])),
        )
        shown = [self._discovery(each, change, q) for change, q, each in ranked[: self.limits.top]]
        return Searched(
            seen=seen,
            tested=len(tested),
            found=len(chosen),
            echoes=len(chosen) - len(told),
            discoveries=tuple(shown),
            level=level,
        )

    def _without_echoes(self, chosen: Sequence[_PossibleChange]) -> list[_PossibleChange]:
        """Return the candidates that others do not explain; sentences stand for themselves."""
        if chosen[0].kind == "sentences":
            return list(chosen)
        phrases = [
            FoundPhrase(words=self._phrase(each), length=int(each.lengths[0]), texts=each.texts, places=each.places)
            for each in chosen
        ]
        kept = without_echoes(phrases, self.sides, self.limits.alpha)
        return [each for each, phrase in zip(chosen, phrases, strict=True) if any(phrase is one for one in kept)]

    def _phrase(self, each: _PossibleChange) -> tuple[str, ...]:
        return in_full(self.table, each.places, int(each.lengths[0]))

    def _discovery(self, each: _PossibleChange, change: RateChange, q: float) -> Discovery:
        name = " ".join(self._phrase(each)) if each.kind == "phrase" else self._sentence(each, 0)
        spread = range(0, len(each.texts), -(-len(each.texts) // _READ_FOR_COVER))
        stretches = [
            (int(each.texts[at]), *self.table.span(int(each.places[at]), int(each.lengths[at]))) for at in spread
        ]
        rises = change.difference.estimate > 0
        shown = [at for at in range(len(each.texts)) if bool(self.sides.is_after[each.texts[at]]) is rises]
        examples = [self._example(each, at) for at in shown[:: -(-len(shown) // EXAMPLES)]]
        cover = self.named.cover(stretches)
        return Discovery(kind=each.kind, name=name, change=change, q=q, cover=cover, examples=tuple(examples))

    def _example(self, each: _PossibleChange, at: int) -> Example:
        place = int(each.texts[at])
        text = self.sides.texts[place]
        sentence = self._sentence(each, at)
        return Example(source=text.source, is_after=bool(self.sides.is_after[place]), sentence=sentence)

    def _sentence(self, each: _PossibleChange, at: int) -> str:
        """Return the sentence around the words that one text holds, as it stands there."""
        text = self.sides.texts[int(each.texts[at])].text
        start, end = self.table.span(int(each.places[at]), int(each.lengths[at]))
        first, last = sentences.around(text, start, end)
        return text[first:last]


def _sure(change: RateChange) -> float:
    """Return by how much the rate has surely changed: the bound of the difference that is nearer to zero, or 0."""
    return max(change.difference.low, -change.difference.high, 0.0)
