"""A piece of a corpus is rewritten by itself: rewrites go out, what was left out beside them with why, then counts.

The counts are written last and appear whole or not at all: they say that a piece is done. Each document is in one of
the two files, once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from secondthought import jsonl
from secondthought.data.corpora.counts import SourceCounts
from secondthought.data.corpora.documents import CorpusDocument, Fields, SetAside, documents_of
from secondthought.data.corpora.pieces import Piece, size_of
from secondthought.data.corpora.rewriting.rewrite import LeftOut, Rewrite, Rewriter
from secondthought.data.corpora.running import How, left_for, require_same, run_step
from secondthought.disk import new_file
from secondthought.habits.patterns import shipped_detector
from secondthought.progress import SILENT, Onlooker

MANIFEST = "rewriting.json"
PIECE_BYTES = 2**20
"""Bytes of a piece. Answers are kept document by document, so a stop costs none of them, whatever its size."""


@dataclass(slots=True)
class RewriteCounts:
    """`RewriteCounts` say what became of documents, and which habits they show before and after, in their texts."""

    before: SourceCounts = field(default_factory=SourceCounts)
    """Of the documents that were rewritten, as they were."""
    after: SourceCounts = field(default_factory=SourceCounts)
    """Of their thoughts."""
    left_out: dict[str, int] = field(default_factory=dict)
    unanswered: int = 0
    set_aside: int = 0

    def merge(self, other: RewriteCounts) -> None:
        """Add the counts of other documents."""
        self.before.merge(other.before)
        self.after.merge(other.after)
        for reason, number in other.left_out.items():
            self.left_out[reason] = self.left_out.get(reason, 0) + number
        self.unanswered += other.unanswered
        self.set_aside += other.set_aside

    def to_state(self) -> dict[str, Any]:
        """Return what `from_state` takes, as JSON holds it."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> RewriteCounts:
        """Return the counts that were written."""
        return cls(
            before=SourceCounts.from_state(state["before"]),
            after=SourceCounts.from_state(state["after"]),
            left_out=dict(state["left_out"]),
            unanswered=state["unanswered"],
            set_aside=state["set_aside"],
        )

    def to_json(self) -> dict[str, Any]:
        """Return the numbers with their intervals."""
        before, after = self.before.to_json(), self.after.to_json()
        left_out = {"left_out": self.left_out, "unanswered": self.unanswered, "set_aside": self.set_aside}
        return {"rewritten": self.after.documents, "before": before, "after": after, **left_out}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RewritePieces:
    """`RewritePieces` is a step: its task of each rank rewrites every so many-th piece."""

    pieces: tuple[Piece, ...]
    fields: Fields
    rewriter: Rewriter
    folder: Path

    @property
    def sizes(self) -> Sequence[int]:
        """Return the bytes of each piece."""
        return [size_of(piece) for piece in self.pieces]

    def done(self, number: int) -> Path:
        """Return the counts of a piece, which are written last."""
        return self.folder / "counts" / f"{number:06d}.json"

    def rewrites(self, number: int) -> Path:
        """Return the file of a piece's rewrites."""
        return self.folder / "documents" / f"{number:06d}.jsonl"

    def left_out(self, number: int) -> Path:
        """Return the file of what was left out of a piece, and why."""
        return self.folder / "left-out" / f"{number:06d}.jsonl"

    def answers(self, number: int) -> Path:
        """Return the file of what a model answered to a piece's documents."""
        return self.folder / "answers" / f"{number:06d}.jsonl"

    def made_of(self) -> Mapping[str, Any]:
        """Return what the rewrites depend on."""
        pieces = [[list(span) for span in piece] for piece in self.pieces]
        return {"pieces": pieces, "fields": asdict(self.fields), **self.rewriter.made_by()}

    def __call__(self, data: Any, rank: int, world_size: int) -> Iterator[Any]:
        """Rewrite the pieces of one rank that are not done yet."""
        for number in left_for(self, rank, world_size):
            self.rewrite(number)
        return iter(())

    def documents(self, number: int) -> Iterator[CorpusDocument | SetAside]:
        """Yield the documents of a piece."""
        return (read for span in self.pieces[number] for read in documents_of(span, self.fields))

    def rewrite(self, number: int) -> None:
        """Rewrite one piece.

        Raises:
            PolicyError: nothing can be asked at all.
            OSError: the outputs cannot be written.
        """
        read = list(self.documents(number))
        documents = [each for each in read if isinstance(each, CorpusDocument)]
        outcomes = self.rewriter.rewrite(documents, self.answers(number))
        counts, detector = RewriteCounts(set_aside=len(read) - len(documents)), shipped_detector()
        about = dict(self.rewriter.made_by())
        rows: list[dict[str, Any]] = []
        others: list[dict[str, Any]] = [each.to_json() for each in read if isinstance(each, SetAside)]
        for document, outcome in zip(documents, outcomes, strict=True):
            if isinstance(outcome, Rewrite):
                rows.append(outcome.row_of(document, {"rewritten_by": about}))
                for side, text in ((counts.before, document.text), (counts.after, outcome.thoughts)):
                    side.add(text, {name: found or 0 for name, found in detector.read(text).counts.items()})
            else:
                others.append(_row(document, outcome))
                counts.left_out[outcome.reason] = counts.left_out.get(outcome.reason, 0) + 1
                counts.unanswered += outcome.is_unanswered
        jsonl.write(self.rewrites(number), rows)
        jsonl.write(self.left_out(number), others)
        with new_file(self.done(number)) as file:
            file.write(jsonl.dumps(counts.to_state()))


def rewrite(step: RewritePieces, how: How, onlooker: Onlooker = SILENT, *, again: bool = False) -> RewriteCounts | None:
    """Rewrite the pieces that are not rewritten yet; return the counts of all.

    Args:
        step: what is rewritten, and by whom.
        how: who runs it.
        onlooker: is told of each piece.
        again: also ask again where nobody answered.

    Returns:
        None while an executor that only submits (Slurm) has not done all of it: the same call later returns them.

    Raises:
        ConfigError: the folder holds what other settings made, or the executor is not installed.
        PolicyError: nothing can be asked at all.
        OSError: results cannot be written.
    """
    if again:
        require_same(step, MANIFEST)
        for number in range(len(step.pieces)):
            if step.done(number).exists() and _counts(step, number).unanswered:
                step.done(number).unlink()
    if not run_step(step, how, MANIFEST, "corpus", onlooker):
        return None
    counts = RewriteCounts()
    for number in range(len(step.pieces)):
        counts.merge(_counts(step, number))
    return counts


def _counts(step: RewritePieces, number: int) -> RewriteCounts:
    return RewriteCounts.from_state(json.loads(step.done(number).read_text("utf-8")))


def _row(document: CorpusDocument, why: LeftOut) -> dict[str, Any]:
    return {"id": document.id, "source": document.source, "reason": why.reason, "detail": why.detail}
