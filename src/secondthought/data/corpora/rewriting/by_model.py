"""A model at an endpoint rewrites documents. Its answers are kept as they come, so none is asked for twice."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from secondthought.data.corpora.documents import CorpusDocument
from secondthought.data.corpora.rewriting.prompts import conversation
from secondthought.data.corpora.rewriting.replies import outcome_of
from secondthought.data.corpora.rewriting.rewrite import LeftOut, Outcome, RewriteStyle
from secondthought.inference.chat.answer_cache import AnswerCache, identity_of, key_of
from secondthought.inference.chat.endpoint import Endpoint
from secondthought.inference.chat.openai_client import OpenAIClient
from secondthought.types import Answer, Sampling

MAX_TOKENS = 4096
"""Longest reply by default: about as long as the longest document."""
MAX_CHARACTERS = 12_000
"""Longest document: about 3,000 tokens, as many as the paper reads. A longer one is left out: cut, it has no end."""
TOO_LONG = "the document is longer than --max-characters"
_BYTES_PER_TOKEN = 3.0
"""Estimates are meant to be rather too high."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RewriteEstimate:
    """A `RewriteEstimate` counts what would be sent."""

    requests: int
    prompt_tokens: int
    """About, by bytes."""
    answer_tokens: int
    """About, if each reply is as long as its document."""

    def plus(self, other: RewriteEstimate) -> RewriteEstimate:
        """Return what both cost."""
        return RewriteEstimate(
            requests=self.requests + other.requests,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            answer_tokens=self.answer_tokens + other.answer_tokens,
        )

    def sentence(self) -> str:
        """Say what would be sent."""
        return (
            f"{self.requests:,} requests, about {self.prompt_tokens:,} prompt tokens and, with replies as long as their"
            f" documents, about {self.answer_tokens:,} tokens of replies"
        )


@dataclass(frozen=True, kw_only=True)
class ByModel:
    """`ByModel` asks a model for each rewrite; see `Rewriter`."""

    endpoint: Endpoint
    style: RewriteStyle
    max_tokens: int = MAX_TOKENS
    max_characters: int = MAX_CHARACTERS

    def made_by(self) -> Mapping[str, Any]:
        """Return the model, and for what it is asked; a whole reply does not depend on how long it might have been."""
        return {"model": self._client.name, "style": self.style, "max characters": self.max_characters}

    def estimate(self, documents: Sequence[str]) -> RewriteEstimate:
        """Count what some documents would cost. Nothing is sent."""
        asked = [text for text in documents if len(text) <= self.max_characters]
        sent = sum(len(said.content.encode()) for text in asked for said in conversation(text, self.style))
        replies = sum(min(self.max_tokens, len(text.encode()) / _BYTES_PER_TOKEN) for text in asked)
        tokens = math.ceil(sent / _BYTES_PER_TOKEN)
        return RewriteEstimate(requests=len(asked), prompt_tokens=tokens, answer_tokens=math.ceil(replies))

    def rewrite(self, documents: Sequence[CorpusDocument], kept: Path) -> list[Outcome]:
        """Rewrite documents; see `Rewriter.rewrite`.

        Raises:
            PolicyError: nothing can be asked at all. What was answered before is kept.
        """
        cache, sampling = AnswerCache(kept), Sampling(temperature=0.0, max_tokens=self.max_tokens)
        asked = {place: document.text for place, document in enumerate(documents) if self._fits(document)}
        talks = {place: conversation(text, self.style) for place, text in asked.items()}
        identity = identity_of(self._client)
        keys = {place: key_of(identity, talk, replace(sampling, max_tokens=0)) for place, talk in talks.items()}
        missing = list({key: place for place, key in keys.items() if cache.get(key) is None}.values())
        failed: dict[str, Answer] = {}

        def keep(answer: Answer) -> None:
            place = missing[answer.index]
            if answer.text is None:
                failed[keys[place]] = answer
            else:
                cache.put(keys[place], answer.text, id=documents[place].id)

        if missing:
            self._client.ask([talks[place] for place in missing], sampling, keep)
        outcomes: list[Outcome] = []
        for place, document in enumerate(documents):
            if place not in keys:
                outcomes.append(LeftOut(reason=TOO_LONG))
                continue
            reply = cache.get(keys[place])
            outcomes.append(_unanswered(failed.get(keys[place])) if reply is None else outcome_of(reply, document.text))
        return outcomes

    def _fits(self, document: CorpusDocument) -> bool:
        return len(document.text) <= self.max_characters

    @cached_property
    def _client(self) -> OpenAIClient:
        return OpenAIClient(self.endpoint)

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings: a client is made anew in each process."""
        return {name: value for name, value in self.__dict__.items() if name != "_client"}


def _unanswered(answer: Answer | None) -> LeftOut:
    error = "" if answer is None else answer.error
    reason = error.partition(":")[0]  # what a server says beyond it may be other words every time
    return LeftOut(
        reason=f"no answer ({reason})" if reason else "no answer",
        detail=error,
        is_unanswered=answer is None or not answer.is_final,
    )
