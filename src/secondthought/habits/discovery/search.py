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
from secondthought.habits.discovery.changes import FEWEST_PROBLEMS, ExactTest, RateChange, Sides, level_for
from secondthought.habits.discovery.clusters import sentence_clusters
from secondthought.habits.discovery.echoes import FoundPhrase, echoes
from secondthought.habits.discovery.folding import folded, in_full
from secondthought.habits.discovery.grams import frequent_grams
from secondthought.habits.discovery.named import Cover, NamedHabits
from secondthought.habits.discovery.texts import WrittenText
from secondthought.habits.discovery.words import Numbers, WordTable, word_table
from secondthought.progress import SILENT, Onlooker, each
from secondthought.stats import benjamini_hochberg, decidable

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
class FoundIn:
    """A `FoundIn` is a sentence in which something was found; `source` says where."""

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
    examples: tuple[FoundIn, ...]


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
    written = [*(text.text for text in sides.texts), *givens]
    table = word_table(each(written, "texts", onlooker, len(written)))
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
        have_a_say = decidable([thing.test.least for thing in candidates], alpha)
        tested = [thing for thing, has_a_say in zip(candidates, have_a_say, strict=True) if has_a_say]
        rates = benjamini_hochberg([thing.test.p for thing in tested])
        chosen = [(q, thing) for q, thing in zip(rates, tested, strict=True) if q <= alpha]
        seen = len(candidates)
        if not chosen:
            return Searched(seen=seen, tested=len(tested), found=0, echoes=0, discoveries=(), level=1 - alpha)
        level = level_for(len(chosen), len(tested), alpha)
        is_echo = self._echoes([thing for _, thing in chosen])
        changed = [
            (self.sides.change(thing.texts, level), q, thing)
            for (q, thing), has_other in zip(chosen, is_echo, strict=True)
            if not has_other
        ]
        ranked = sorted(
            changed, key=lambda one: (-_sure(one[0]), -abs(one[0].difference.estimate), one[1], int(one[2].places[0]))
        )
        shown = [self._discovery(thing, change, q) for change, q, thing in ranked[: self.limits.top]]
        return Searched(
            seen=seen,
            tested=len(tested),
            found=len(chosen),
            echoes=sum(is_echo),
            discoveries=tuple(shown),
            level=level,
        )

    def _echoes(self, chosen: Sequence[_PossibleChange]) -> list[bool]:
        """Find which ones another one explains; sentences stand for themselves."""
        if chosen[0].kind == "sentences":
            return [False] * len(chosen)
        phrases = [
            FoundPhrase(words=self._phrase(thing), length=int(thing.lengths[0]), texts=thing.texts, places=thing.places)
            for thing in chosen
        ]
        return echoes(phrases, self.sides, self.limits.alpha)

    def _phrase(self, thing: _PossibleChange) -> tuple[str, ...]:
        return in_full(self.table, thing.places, int(thing.lengths[0]))

    def _discovery(self, thing: _PossibleChange, change: RateChange, q: float) -> Discovery:
        name = " ".join(self._phrase(thing)) if thing.kind == "phrase" else self._sentence(thing, 0)
        spread = range(0, len(thing.texts), -(-len(thing.texts) // _READ_FOR_COVER))
        stretches = [
            (int(thing.texts[at]), *self.table.span(int(thing.places[at]), int(thing.lengths[at]))) for at in spread
        ]
        rises = change.difference.estimate > 0
        shown = [at for at in range(len(thing.texts)) if bool(self.sides.is_after[thing.texts[at]]) is rises]
        examples = [self._example(thing, at) for at in shown[:: -(-len(shown) // EXAMPLES)]]
        cover = self.named.cover(stretches)
        return Discovery(kind=thing.kind, name=name, change=change, q=q, cover=cover, examples=tuple(examples))

    def _example(self, thing: _PossibleChange, at: int) -> FoundIn:
        place = int(thing.texts[at])
        text = self.sides.texts[place]
        sentence = self._sentence(thing, at)
        return FoundIn(source=text.source, is_after=bool(self.sides.is_after[place]), sentence=sentence)

    def _sentence(self, thing: _PossibleChange, at: int) -> str:
        """Return the sentence around the words that one text holds, as it stands there."""
        text = self.sides.texts[int(thing.texts[at])].text
        start, end = self.table.span(int(thing.places[at]), int(thing.lengths[at]))
        first, last = sentences.around(text, start, end)
        return text[first:last]


def _sure(change: RateChange) -> float:
    """Return by how much the rate has surely changed: the bound of the difference that is nearer to zero, or 0."""
    return max(change.difference.low, -change.difference.high, 0.0)
