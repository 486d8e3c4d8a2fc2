"""Fillers stand where a thought stood, as many tokens and nothing thought: controls for length and for the form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import cycle, islice
from random import Random
from typing import Literal, TypeAlias

Length: TypeAlias = Callable[[str], int]
"""Tokens of a text, by the tokenizer of the model that is to be primed."""
Filler: TypeAlias = Literal["dots", "neutral"]

NEUTRAL = (
    "this is a step and you are on it.",
    "it is the best that you can be.",
    "yes, that is it and you are in it.",
    "a step is a step and it is not next to you.",
    "you and this are in the best of it.",
    "to be is to be and that is that.",
    "it can be on this or on that.",
    "you want it to be yes.",
)
"""Sentences that say nothing of any problem: no number, no result, no plan. Their words are among the few that the
shipped models know."""


def dots(count: int, length: Length) -> str:
    """Return dots of that many tokens, or as near to it as the tokenizer allows.

    >>> dots(3, lambda text: len(text.split()))
    '. . .'
    """
    return _of_length(count, length, lambda size: ["."] * size)


def neutral(count: int, length: Length, rng: Random) -> str:
    """Return plain sentences in random order, cut after so many tokens or as near to that as words allow.

    >>> neutral(4, lambda text: len(text.split()), Random(0))
    'it can be on'
    """
    order = rng.sample(NEUTRAL, len(NEUTRAL))
    words = [word for sentence in order for word in sentence.split()]
    return _of_length(count, length, lambda size: list(islice(cycle(words), size)))


FILLERS: Mapping[Filler, Callable[[int, Length, Random], str]] = {
    "dots": lambda count, length, _: dots(count, length),
    "neutral": neutral,
}


def _of_length(count: int, length: Length, words: Callable[[int], list[str]]) -> str:
    """Return the fewest words that have so many tokens, found by doubling and bisection."""
    low, high = 1, max(2, count)
    while length(" ".join(words(high))) < count:
        low, high = high, 2 * high
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if length(" ".join(words(middle))) < count else (low, middle)
    return " ".join(words(low))
