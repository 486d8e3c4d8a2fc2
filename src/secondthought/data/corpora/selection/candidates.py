"""Candidates are what selection needs to know of a document, without its text: of millions they fit in memory.

Of each piece all documents with habits take part. Of those without, far more are there than are needed: the lowest lots
take part, a fixed number for each that has habits, so that pairs can be chosen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from secondthought.data.corpora.documents import CorpusDocument
from secondthought.data.corpora.lots import Lot, lot_of
from secondthought.data.corpora.piece_step import MARKS, PROBLEM, SOLUTION
from secondthought.data.corpora.selection.fingerprints import Fingerprint, fingerprint
from secondthought.data.corpora.selection.overlap import EvaluationTexts

POOR_FOR_RICH = 8
"""Documents without habits that take part for each with some, of the same kind."""
_SPARE = 50
"""And so many more of each kind and piece, since a piece may hold few rich ones."""


class Kind(NamedTuple):
    """A `Kind` is what both documents of a pair share."""

    source: str
    sets_problem: bool
    solves_problem: bool


class Candidate(NamedTuple):
    """A `Candidate` is a document that may be selected."""

    lot: Lot
    kind: Kind
    tokens: int
    finds: int
    """How often the chosen habits show in it."""
    fingerprint: Fingerprint

    @property
    def density(self) -> float:
        """Return finds in 1,000 tokens."""
        return 1000 * self.finds / self.tokens

    @classmethod
    def from_state(cls, state: Sequence[Any]) -> Candidate:
        """Return the candidate that JSON holds as nested lists."""
        lot, kind, tokens, finds, print_ = state
        return cls(Lot(*lot), Kind(*kind), tokens, finds, tuple(print_))


class Overlap(NamedTuple):
    """An `Overlap` is a document that shares words with an evaluation text, and so takes no part."""

    id: str
    words: str


def candidates_of(
    documents: Iterable[CorpusDocument],
    piece: int,
    habits: Sequence[str],
    length: Callable[[str], int],
    held_out: EvaluationTexts,
) -> Iterator[Candidate | Overlap]:
    """Yield what takes part of a piece, and what would but for its overlap with an evaluation text.

    Args:
        documents: of the piece, in the order in which they were written.
        piece: its number.
        habits: those by which documents are rich or poor.
        length: counts the tokens of a text.
        held_out: texts that must not be learned.
    """
    for lot, document, finds in _taking_part(documents, piece, habits):
        shared = held_out.shared_with(document.text)
        if shared:
            yield Overlap(document.id, shared)
        elif tokens := length(document.text):
            yield Candidate(lot, kind_of(document), tokens, finds, fingerprint(document.text))


def kind_of(document: CorpusDocument) -> Kind:
    """Return what a document must share with another to be its pair."""
    marks: Mapping[str, int] = document.rest[MARKS]
    return Kind(document.source, bool(marks.get(PROBLEM)), bool(marks.get(SOLUTION)))


def _taking_part(
    documents: Iterable[CorpusDocument], piece: int, habits: Sequence[str]
) -> list[tuple[Lot, CorpusDocument, int]]:
    """Return all rich documents and the poor ones of the lowest lots, in the order in which they were written."""
    found: list[tuple[Lot, CorpusDocument, int]] = []
    poor: dict[Kind, list[tuple[Lot, CorpusDocument, int]]] = {}
    wanted: Counter[Kind] = Counter()
    for line, document in enumerate(documents):
        finds = sum(document.rest[MARKS][habit] for habit in habits)
        (found if finds else poor.setdefault(kind_of(document), [])).append((lot_of(piece, line), document, finds))
        wanted[kind_of(document)] += POOR_FOR_RICH if finds else 0
    for kind, others in poor.items():
        found += sorted(others, key=lambda each: each[0])[: wanted[kind] + _SPARE]
    return sorted(found, key=lambda each: each[0].line)
