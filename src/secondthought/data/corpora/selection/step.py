"""Candidates of a measured piece are found by a step of their own, since their tokens and words must be counted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from secondthought import jsonl
from secondthought.data.corpora.piece_step import Outputs
from secondthought.data.corpora.running import left_for
from secondthought.data.corpora.selection.candidates import Candidate, Overlap, candidates_of
from secondthought.data.corpora.selection.overlap import EvaluationTexts
from secondthought.disk import new_file


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FindCandidates:
    """`FindCandidates` is a step over the pieces of a measured corpus: it finds the candidates of each."""

    corpus: Outputs
    pieces: int
    habits: tuple[str, ...]
    tokenizer: str
    held_out: tuple[str, ...]
    """Evaluation texts that must not be learned."""
    folder: Path

    @property
    def sizes(self) -> Sequence[int]:
        """Return the bytes of each measured piece."""
        return [self.corpus.documents(number).stat().st_size for number in range(self.pieces)]

    def done(self, number: int) -> Path:
        """Return the file of a piece's candidates."""
        return self.folder / "candidates" / f"{number:06d}.json"

    def made_of(self) -> Mapping[str, Any]:
        """Return what the candidates depend on."""
        texts = hashlib.blake2b("\n".join(self.held_out).encode(), digest_size=8).hexdigest()
        corpus = [str(self.corpus.folder), self.pieces, sum(self.sizes)]
        return {"corpus": corpus, "habits": self.habits, "tokenizer": self.tokenizer, "held out texts": texts}

    def __call__(self, data: Any, rank: int, world_size: int) -> Iterator[Any]:
        """Find the candidates of one rank's pieces that are not done yet."""
        for number in left_for(self, rank, world_size):
            self.find(number)
        return iter(())

    def find(self, number: int) -> None:
        """Find and write the candidates of a piece.

        Raises:
            PolicyError: there is no tokenizer.
            OSError: they cannot be written.
        """
        documents = self.corpus.read_documents(number)
        held_out = _evaluation_texts(self.held_out)
        found = list(candidates_of(documents, number, self.habits, _length(self.tokenizer), held_out))
        state = {
            "candidates": [each for each in found if isinstance(each, Candidate)],
            "overlaps": [each for each in found if isinstance(each, Overlap)],
        }
        with new_file(self.done(number)) as file:
            file.write(jsonl.dumps(state))

    def read(self, number: int) -> tuple[list[Candidate], list[Overlap]]:
        """Read the candidates of a piece, and what overlaps."""
        state = json.loads(self.done(number).read_text("utf-8"))
        return [Candidate.from_state(each) for each in state["candidates"]], [
            Overlap(*each) for each in state["overlaps"]
        ]


@cache
def _length(tokenizer: str) -> Callable[[str], int]:
    from secondthought.data.token_lengths import length_by  # transformers, only where it is needed

    return length_by(tokenizer)


@cache
def _evaluation_texts(texts: tuple[str, ...]) -> EvaluationTexts:
    return EvaluationTexts(texts)
