"""A rewrite is a document told as question, thoughts and answer; what has none says why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from secondthought.data.corpora.documents import CorpusDocument

RewriteStyle: TypeAlias = Literal["curated", "clean"]
"""`curated` keeps the author's doubts, checks and wrong turns; `clean` keeps the steps alone. The paper's two sets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """A `Rewrite` is a document as a question, the thoughts of somebody who works it out, and the answer."""

    question: str
    thoughts: str
    answer: str

    @property
    def prompt(self) -> str:
        """Return what is read."""
        return f"{self.question}\n\n"

    @property
    def completion(self) -> str:
        """Return what is learned: thoughts and answer in the tags of the tasks."""
        return f"<think>\n{self.thoughts}\n</think>\n<answer>{self.answer}</answer>"

    def row_of(self, document: CorpusDocument, about: Mapping[str, Any]) -> dict[str, Any]:
        """Return its row: `train pretrain` reads the text, `train sft` prompt and completion."""
        return {
            "id": document.id,
            "text": self.prompt + self.completion,
            "source": document.source,
            "licence": document.licence,
            "prompt": self.prompt,
            "completion": self.completion,
            **about,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A `LeftOut` says why a document has no rewrite."""

    reason: str
    """One of few, to be counted by."""
    detail: str = ""
    """What was said, or what went wrong."""
    is_unanswered: bool = False
    """Nobody answered, and another time somebody may."""


Outcome: TypeAlias = Rewrite | LeftOut


class Rewriter(Protocol):
    """A `Rewriter` rewrites documents; it may be sent to other processes."""

    def made_by(self) -> Mapping[str, Any]:
        """Return what decides the rewrites besides the documents, as JSON holds it."""
        ...

    def rewrite(self, documents: Sequence[CorpusDocument], kept: Path) -> list[Outcome]:
        """Rewrite documents.

        Args:
            documents: what is rewritten.
            kept: the file in which what costs much may be kept, so that it is not done again.

        Returns:
            One outcome per document, in order.
        """
        ...
