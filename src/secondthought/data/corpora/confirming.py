"""A sample of a measured corpus is drawn to be read, and what readers say of it corrects the prevalence.

Marks are found by wording, which overlooks much and is fooled at times. So of each mark two samples are read: documents
in which it was found, and documents in which it was not. Readers are a judge, people, or whatever labels rows as
`secondthought habits` does. With N documents, S of them with the mark, and shares p of the first sample and q of the
second in which readers see it:

    prevalence = S / N * p + (N - S) / N * q
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secondthought.data.corpora.counts import CorpusCounts, SourceCounts
from secondthought.data.corpora.piece_step import MARKS, Outputs
from secondthought.stats import Interval, stratified_share, wilson

DRAWN = "drawn"
"""The field of a drawn document that says for which marks it was drawn, and whether each was found in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedMark:
    """A `ConfirmedMark` is what readers of a sample make of the prevalence of a mark."""

    mark: str
    found: Interval
    """The share of documents in which it was found by wording."""
    precision: Interval
    """Of documents in which it was found, the share that readers confirm."""
    overlooked: Interval
    """Of the others, the share in which readers see it."""
    prevalence: Interval
    """The share of all documents that show it, by the readers."""
    unread: int
    """Drawn documents of which readers could not tell."""


def drawn_documents(
    outputs: Outputs, counts: CorpusCounts, marks: Sequence[str], count: int
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a sample: of each mark up to `count` documents that show it and as many that do not."""
    drawn: dict[int, dict[int, dict[str, bool]]] = {}
    for mark in marks:
        sample = counts.samples[mark]
        for is_shown, lots in ((True, sample.shown.lots), (False, sample.absent.lots)):
            for lot in lots[:count]:
                drawn.setdefault(lot.piece, {}).setdefault(lot.line, {})[mark] = is_shown
    for marked, document in outputs.documents_at(drawn):
        row = {"id": document.id, "source": document.source, "text": document.text}
        yield {**row, MARKS: document.rest[MARKS], DRAWN: marked}


def confirmed(counts: CorpusCounts, rows: Iterable[Mapping[str, Any]], marks: Sequence[str]) -> list[ConfirmedMark]:
    """Correct the prevalence of each mark by what readers say of a sample that was drawn for it.

    Args:
        counts: of the corpus.
        rows: drawn documents with the readers' `counts` of each mark; None where they could not tell.
        marks: which ones.
    """
    read, total = list(rows), counts.total()
    return [_confirmed(total, read, mark) for mark in marks]


def _confirmed(total: SourceCounts, rows: Sequence[Mapping[str, Any]], mark: str) -> ConfirmedMark:
    shown = total.marks[mark].shown
    said = {True: [0, 0], False: [0, 0]}
    unread = 0
    for row in rows:
        if mark not in row[DRAWN]:
            continue
        label = row["counts"].get(mark)
        if label is None:
            unread += 1
        else:
            seen = said[row[DRAWN][mark]]
            seen[0] += label > 0
            seen[1] += 1
    strata = [(shown, *said[True]), (total.documents - shown, *said[False])]
    return ConfirmedMark(
        mark=mark,
        found=total.prevalence(mark),
        precision=wilson(*said[True]),
        overlooked=wilson(*said[False]),
        prevalence=stratified_share([(size, right, n) for size, right, n in strata]),
        unread=unread,
    )
