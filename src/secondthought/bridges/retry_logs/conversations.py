"""A logged conversation in OpenAI's form, and where in it a try was sent back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Logged = Mapping[str, Any]
"""A message as chat/completions takes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentBack:
    """A `SentBack` is a try that its library sent back to the model."""

    before: Sequence[Logged]
    """The conversation that the try answers."""
    attempt: Logged
    told: str
    """What the model was told of it."""
    after: Sequence[Logged]
    """The tries that followed, with what each was told."""


def sent_back(messages: Sequence[Logged], told: Callable[[Logged], str | None]) -> Iterator[SentBack]:
    """Find the tries that were sent back: of several in a row the first, which the others are retries of.

    Args:
        messages: the conversation.
        told: returns what a message says of the try before it; None where it says something else.
    """
    place = 0
    while place < len(messages):
        end = _chain_end(messages, place, told)
        if end == place:
            place += 1
            continue
        first = next(said for message in messages[place + 1 : end] if (said := told(message)) is not None)
        answer = messages[end : end + 1] if _is_try(messages, end) else []
        yield SentBack(
            before=messages[:place], attempt=messages[place], told=first, after=[*messages[place + 1 : end], *answer]
        )
        place = end + len(answer)


def _chain_end(messages: Sequence[Logged], place: int, told: Callable[[Logged], str | None]) -> int:
    """Return the end of a chain of tries that were sent back, or `place` where none begins there."""
    end = place
    while _is_try(messages, end):
        after = end + 1
        while after < len(messages) and told(messages[after]) is not None:
            after += 1
        if after == end + 1:
            break
        end = after
    return end


def _is_try(messages: Sequence[Logged], place: int) -> bool:
    return place < len(messages) and messages[place].get("role") == "assistant"
