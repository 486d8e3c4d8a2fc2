"""`JudgeDetector` finds habits by asking a language model, any `ChatModel`; it knows no endpoint.

It asks one question per text and habit. The judge must quote what it found, and each quote is looked up in the text:
the count is the number of quotes that stand there, each place once. What cannot be told is missing, never 0:
    - no answer came (the reason is counted),
    - the answer holds no readable JSON of the form that was asked for,
    - none of the quotes that it gives stands in the text.
A blank text is not asked about: nothing in it can be quoted, so every count is 0.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

from secondthought.errors import ConfigError
from secondthought.habits.catalog import HabitDefinition
from secondthought.habits.judge.answers import quotes_in
from secondthought.habits.judge.prompt import question
from secondthought.habits.judge.quotes import Page, flat
from secondthought.habits.repeats import once
from secondthought.inference.chat.answer_cache import AnswerCache, identity_of, key_of
from secondthought.inference.chat.replies import EMPTY
from secondthought.progress import SILENT, Stage
from secondthought.protocols import ChatModel
from secondthought.types import Answer, Message, Reading, Sampling, Span, Thought

MAX_TOKENS = 1024
"""Longest answer by default: some twenty quotes. A longer one is cut off, cannot be read, and is missing."""
_BYTES_PER_TOKEN = 3.0
"""English prose has about 4 and mathematics about 2.5 to 3; estimates are meant to be rather too high."""

_REASONS = 5
"""Reasons for missing counts that are shown; servers word theirs anew for every text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeEstimate:
    """A `JudgeEstimate` counts what `detect` would send; nothing has been sent."""

    questions: int
    """Pairs of a text and a behaviour."""
    requests: int
    """Those that would be asked: without blank texts, questions asked before, and equal questions."""
    prompt_tokens: int
    """About how many tokens would be sent, by bytes."""
    answer_tokens: int
    """The most that can come back, if every answer is as long as it may be."""

    def cost(self, prompt_price: float, answer_price: float) -> float:
        """Compute the most that it can cost at prices per million tokens, if the number of prompt tokens is right."""
        return (self.prompt_tokens * prompt_price + self.answer_tokens * answer_price) / 1e6


@dataclass(slots=True)
class JudgeTally:
    """A `JudgeTally` counts what became of all questions so far."""

    questions: int = 0
    blank: int = 0
    """Not asked: the text is blank."""
    answered: int = 0
    """Read and counted."""
    missing: Counter[str] = field(default_factory=Counter)
    """Questions without a count, by reason."""
    quotes: int = 0
    """Quotes given in readable answers."""
    dropped: int = 0
    """Quotes that do not stand in the text."""
    repeated: int = 0
    """Quotes of a place that was quoted already."""

    def lines(self) -> list[str]:
        """Write the tally for people.

        >>> JudgeTally(questions=3, answered=2, missing=Counter({"no answer: HTTP 500": 1})).lines()[0]
        '3 questions: 2 answered, 0 about blank texts, 1 missing'
        """
        common = self.missing.most_common(_REASONS)
        rest = self.missing.total() - sum(count for _, count in common)
        missing = [f"  missing, {reason}: {count}" for reason, count in [*common, ("other reasons", rest)] if count]
        return [
            f"{self.questions} questions: {self.answered} answered, {self.blank} about blank texts, "
            f"{self.missing.total()} missing",
            *missing,
            f"{self.quotes} quotes: {self.dropped} not in the text (dropped), {self.repeated} of a place quoted before",
        ]


class JudgeDetector:
    """A `JudgeDetector` finds habits by asking; see `Detector`. Asked again about the same text, it reads its cache."""

    def __init__(
        self,
        chat: ChatModel,
        behaviors: Sequence[HabitDefinition],
        *,
        cache: AnswerCache | None = None,
        max_tokens: int = MAX_TOKENS,
    ) -> None:
        """Take the model and the habits to ask about. A cache on disk lets an interrupted `detect` go on."""
        if not behaviors or len({behavior.name for behavior in behaviors}) < len(behaviors):
            raise ConfigError("judge: it needs at least one behaviour, and no two of one name")
        if max_tokens < 1:
            raise ConfigError(f"judge: max_tokens is {max_tokens}; it must be at least 1")
        self.name = f"judge:{chat.name}"
        self._identity = identity_of(chat)  # once: it may read all weights
        self.behaviors = tuple(behavior.name for behavior in behaviors)
        self.tally = JudgeTally()
        self.stage: Stage = SILENT
        """Is told of each answer."""
        self.cache = cache or AnswerCache()
        self._chat, self._definitions = chat, tuple(behaviors)
        self._sampling = Sampling(temperature=0.0, max_tokens=max_tokens)

    def estimate(self, thoughts: Sequence[Thought]) -> JudgeEstimate:
        """Count what `detect` would send for these. Nothing is sent."""
        pending = self._pending(thoughts)
        sent = sum(
            len(message.content.encode()) for question in _Lazy(pending, self._question_for) for message in question
        )
        return JudgeEstimate(
            questions=len(thoughts) * len(self._definitions),
            requests=len(pending),
            prompt_tokens=math.ceil(sent / _BYTES_PER_TOKEN),
            answer_tokens=len(pending) * self._sampling.max_tokens,
        )

    def detect(self, thoughts: Sequence[Thought]) -> list[Reading]:
        """Read the thoughts by asking what the cache does not hold; see `Detector.detect`.

        Raises:
            PolicyError: nothing can be asked at all. What was answered before is in the cache.
        """
        pending = self._pending(thoughts)
        keys = list(pending)
        reasons: dict[str, str] = {}

        def keep(answer: Answer) -> None:
            self.stage.advance()
            if answer.text is None or not answer.text.strip():
                reasons[keys[answer.index]] = answer.error if answer.text is None else EMPTY
            else:
                self.cache.put(keys[answer.index], answer.text, judge=self._chat.name)

        if pending:
            self._chat.ask(_Lazy(pending, self._question_for), self._sampling, keep)
        return [self._reading(thought, reasons) for thought in thoughts]

    def _question_for(self, item: tuple[Thought, HabitDefinition]) -> tuple[Message, ...]:
        thought, behavior = item
        return question(behavior, Page(thought.text), thought.problem)

    def _keys(self, thought: Thought) -> list[str | None]:
        """Return the key of each habit's question; None where nothing is to be asked."""
        page = Page(thought.text)
        if page.is_blank:
            return [None] * len(self._definitions)
        questions = (question(behavior, page, thought.problem) for behavior in self._definitions)
        return [key_of(self._identity, messages, self._sampling) for messages in questions]

    def _pending(self, thoughts: Sequence[Thought]) -> dict[str, tuple[Thought, HabitDefinition]]:
        """Collect the questions that are to be asked, by their keys."""
        return {
            key: (thought, behavior)
            for thought in thoughts
            for key, behavior in zip(self._keys(thought), self._definitions, strict=True)
            if key is not None and self.cache.get(key) is None
        }

    def _reading(self, thought: Thought, reasons: Mapping[str, str]) -> Reading:
        page = Page(thought.text)
        spans: list[Span] = []
        counts: dict[str, int | None] = {}
        for name, key in zip(self.behaviors, self._keys(thought), strict=True):
            self.tally.questions += 1
            found = self._blank() if key is None else self._found(page, name, key, reasons)
            counts[name] = None if found is None else len(found)
            spans += found or ()
        return Reading(counts=counts, spans=tuple(sorted(spans, key=lambda span: (span.start, span.end))))

    def _blank(self) -> tuple[Span, ...]:
        self.tally.blank += 1
        return ()

    def _found(self, page: Page, behavior: str, key: str, reasons: Mapping[str, str]) -> tuple[Span, ...] | None:
        answer = self.cache.get(key)
        if answer is None:
            self.tally.missing[f"no answer: {reasons.get(key, 'none came')}"] += 1
            return None
        quotes = quotes_in(answer)
        if quotes is None:
            self.tally.missing["the answer cannot be read"] += 1
            return None
        spans = self._spans(page, behavior, quotes)
        if quotes and not spans:
            self.tally.missing["no quote stands in the text"] += 1
            return None
        self.tally.answered += 1
        return spans

    def _spans(self, page: Page, behavior: str, quotes: Sequence[str]) -> tuple[Span, ...]:
        spans: tuple[Span, ...] = ()
        seen: set[str] = set()
        for quote in quotes:
            self.tally.quotes += 1
            first = page.find(quote, behavior)
            # The same words again are a loop, or the judge's; another place has other words around it.
            span = None if flat(quote) in seen else page.find(quote, behavior, taken=spans)
            seen.add(flat(quote))
            if first is None:
                self.tally.dropped += 1
            elif span is None or span not in once(page.text, [first, span]):
                self.tally.repeated += 1
            else:
                spans = (*spans, span)
        return spans


class _Lazy(Sequence[tuple[Message, ...]]):
    """A `_Lazy` sequence writes each question when it is asked: all at once, long texts would fill the memory."""

    def __init__(
        self,
        items: Mapping[str, tuple[Thought, HabitDefinition]],
        build: Callable[[tuple[Thought, HabitDefinition]], tuple[Message, ...]],
    ) -> None:
        self._items, self._build = list(items.values()), build

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> tuple[Message, ...]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[Message, ...]]: ...
    def __getitem__(self, index: int | slice) -> tuple[Message, ...] | list[tuple[Message, ...]]:
        if isinstance(index, slice):
            return [self._build(item) for item in self._items[index]]
        return self._build(self._items[index])
