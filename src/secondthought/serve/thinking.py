"""A second thought in text: a try, its check, a reflection, another try, until one passes or the budget is spent.

    ask -> try -check-> passes ----------------------------------> the answer
                     -> fails -> reflection -> retry -check-> ...

It is the episode of `rollout.reflect_retry` for models that are asked in text: what they are told between turns is the
same (`rollout.player.Requests`), so that what is served is what was trained. Nothing is lost once there is a try: where
a later turn gets no answer or time is over, the best try so far is the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeAlias

from secondthought.errors import SecondthoughtError
from secondthought.rollout.player import Requests
from secondthought.types import Message, Problem, TurnKind, Verdict

Ending: TypeAlias = Literal["passed", "refused", "unchecked", "tries", "tokens", "time", "lost"]
"""Why there was no further turn: a try passed, the model or its server refused to answer, the check itself failed, a
limit was met, or a turn got no answer."""


class NoAnswer(Exception):
    """`NoAnswer` says in a sentence why a turn got no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A `Step` is a turn that is wanted, and what goes before it in the conversation besides the request itself."""

    kind: TurnKind
    said: tuple[Message, ...] = ()
    """Messages that follow those of the request."""
    note: str | None = None
    """Text that follows what the user asks last, where a retry begins a conversation of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A `Spoken` is what a model said in a turn: its text, the tokens that it cost, and the reply as it came."""

    text: str
    prompt_tokens: int = 0
    answer_tokens: int = 0
    reply: Any = None
    refused: str = ""
    """Why this is no answer, where the model or its server would not give one: asked again, they would not either."""
    is_cut: bool = False
    """The answer met its token limit."""


Check: TypeAlias = Callable[[Spoken], Awaitable[Verdict]]
"""Judges a try."""


class Speaker(Protocol):
    """A `Speaker` answers the turns of one conversation."""

    async def say(self, step: Step) -> Spoken:
        """Answer a turn.

        Raises:
            NoAnswer: there is none.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A `Budget` limits a conversation: its tries, its tokens as far as they are counted, and its time."""

    tries: int = 2
    tokens: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTurn:
    """A `TextTurn` is one turn as it was played; `verdict` is None for reflections."""

    kind: TurnKind
    request: str
    spoken: Spoken
    verdict: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thoughts:
    """`Thoughts` are all turns of one conversation, and why they ended."""

    turns: tuple[TextTurn, ...]
    ending: Ending
    trouble: str = ""
    """Why a turn got no answer."""

    @property
    def tries(self) -> tuple[TextTurn, ...]:
        """Return the turns that were judged, in order."""
        return tuple(turn for turn in self.turns if turn.kind is not TurnKind.REFLECTION)

    @property
    def best(self) -> TextTurn:
        """Return the try to answer with: the one that is worth most, of equals the latest."""
        return max(enumerate(self.tries), key=lambda item: (_worth(item[1].verdict), item[0]))[1]

    @property
    def tokens(self) -> int:
        """Return the tokens of all turns, prompts included."""
        return sum(turn.spoken.prompt_tokens + turn.spoken.answer_tokens for turn in self.turns)


def _worth(verdict: Verdict | None) -> tuple[float, bool]:
    return (0.0, False) if verdict is None else (verdict.reward, verdict.well_formed)


def unseen(turn: TextTurn) -> None:
    """Look at no turn."""


async def think_twice(
    problem: Problem,
    speaker: Speaker,
    check: Check,
    requests: Requests,
    budget: Budget,
    seen: Callable[[TextTurn], None] = unseen,
) -> Thoughts:
    """Play one conversation.

    Args:
        problem: what is asked.
        speaker: who answers.
        check: who judges tries.
        requests: what is said between turns.
        budget: the limits; `seconds` is that of all turns together.
        seen: who is shown each turn as it ends.

    Raises:
        NoAnswer: the first try got no answer, in time or at all.
    """
    play = _Play(problem, speaker, check, requests, budget, seen)
    try:
        async with asyncio.timeout(budget.seconds):
            ending = await play.to_its_end()
    except TimeoutError:
        if not play.turns:
            raise NoAnswer(f"no answer within {budget.seconds:g} s") from None
        return Thoughts(turns=tuple(play.turns), ending="time")
    except NoAnswer as error:
        if not play.turns:
            raise
        return Thoughts(turns=tuple(play.turns), ending="lost", trouble=str(error))
    except _Ended as error:
        return Thoughts(turns=tuple(play.turns), ending=error.ending, trouble=str(error))
    return Thoughts(turns=tuple(play.turns), ending=ending)


class _Ended(Exception):
    """An `_Ended` says why nothing comes after a try that is kept without a verdict."""

    def __init__(self, ending: Ending, why: str) -> None:
        super().__init__(why)
        self.ending = ending


class _Play:
    """A conversation under way."""

    def __init__(
        self,
        problem: Problem,
        speaker: Speaker,
        check: Check,
        requests: Requests,
        budget: Budget,
        seen: Callable[[TextTurn], None],
    ) -> None:
        self.problem, self.speaker, self.check, self.requests = problem, speaker, check, requests
        self.budget, self.seen = budget, seen
        self.turns: list[TextTurn] = []
        self.said: tuple[Message, ...] = ()
        self.note: str | None = None

    async def to_its_end(self) -> Ending:
        last = await self.attempt()
        for _ in range(self.budget.tries - 1):
            if last.correct:
                break
            if self.is_spent:
                return "tokens"
            reflection = await self.reflect(last)
            if self.is_spent:
                return "tokens"
            last = await self.retry(reflection)
        return "passed" if last.correct else "tries"

    @property
    def is_spent(self) -> bool:
        spent = sum(turn.spoken.prompt_tokens + turn.spoken.answer_tokens for turn in self.turns)
        return self.budget.tokens is not None and spent >= self.budget.tokens

    async def attempt(self) -> Verdict:
        return await self._try(TurnKind.ATTEMPT, "")

    async def reflect(self, failed: Verdict) -> str:
        request = self.requests.reflection_on(self.problem, failed)
        spoken = await self._said(TurnKind.REFLECTION, request)
        self._keep(TextTurn(kind=TurnKind.REFLECTION, request=request, spoken=spoken, verdict=None))
        return spoken.text

    async def retry(self, reflection: str) -> Verdict:
        if self.requests.retry_sees == "reflection":
            self.said, self.note = (), self.requests.note_with(reflection)
            return await self._try(TurnKind.RETRY, "")
        return await self._try(TurnKind.RETRY, self.requests.retry_after_reflection(self.problem))

    async def _try(self, kind: TurnKind, request: str) -> Verdict:
        spoken = await self._said(kind, request)
        turn = TextTurn(kind=kind, request=request or (self.note or ""), spoken=spoken, verdict=None)
        if spoken.refused:
            self._keep(turn)
            raise _Ended("refused", spoken.refused)
        try:
            verdict = await self.check(spoken)
        except SecondthoughtError as error:
            self._keep(turn)
            raise _Ended("unchecked", str(error)) from None
        except asyncio.CancelledError:  # time is over: the try is there all the same
            self._keep(turn)
            raise
        self._keep(replace(turn, verdict=verdict))
        return verdict

    async def _said(self, kind: TurnKind, request: str) -> Spoken:
        """Ask for a turn after all that was said, and add both to that."""
        self.said += (Message(role="user", content=request),) if request else ()
        spoken = await self.speaker.say(Step(kind=kind, said=self.said, note=self.note))
        self.said += (Message(role="assistant", content=spoken.text),)
        return spoken

    def _keep(self, turn: TextTurn) -> None:
        self.turns.append(turn)
        self.seen(turn)
