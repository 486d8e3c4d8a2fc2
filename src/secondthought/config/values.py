"""Kinds of values that several settings have, each with its bounds; that every number is finite, `Config` sees to."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field

NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+@")
"""Characters of names that become part of a path."""
COLDEST, HOTTEST = 1e-3, 1e3
"""Temperatures that logits can be divided by in any precision; 0 takes the likeliest token."""


def plain_name(name: str) -> str:
    """Return a name that may become part of a path.

    Raises:
        ValueError: it is empty, begins with a dot, or holds a character that leads elsewhere.

    >>> plain_name("large-2")
    'large-2'
    """
    if not name or name.startswith(".") or not set(name) <= NAME_CHARACTERS:
        raise ValueError(f"{name!r} becomes part of a path: use letters, digits and . _ - + @ only, and no dot first")
    return name


def peer_name(name: str) -> str:
    """Return the name of an untrained model, beside whose episodes lie those of the run's own model.

    Raises:
        ValueError: it cannot be part of a path, or names what a run measures of its own model.
    """
    if plain_name(name).casefold() in ("before", "after"):
        raise ValueError(f"{name!r} is what the run's own model is measured as; give the peer another name")
    return name


def _heats(values: tuple[float, ...]) -> tuple[float, ...]:
    if not values:
        raise ValueError("is empty; name at least one temperature")
    for value in values:
        if value != 0 and not COLDEST <= value <= HOTTEST:
            raise ValueError(f"holds {value:g}; a temperature must be 0, or {COLDEST:g} to {HOTTEST:g}")
    if len(set(values)) < len(values):
        raise ValueError("holds a temperature twice; name each once")
    return values


def _with_weight(values: tuple[float, ...]) -> tuple[float, ...]:
    if not all(value >= 0 for value in values) or not sum(values):
        raise ValueError("weights must not be below 0, and one of them must be above it")
    return values


Threads: TypeAlias = Annotated[int, Field(ge=1, le=1024)]
Moment: TypeAlias = Annotated[float, Field(ge=0, lt=1)]
"""Decay of a running mean: at 1 it would never take anything in."""
Moments: TypeAlias = tuple[Moment, Moment]
Seconds: TypeAlias = Annotated[float, Field(gt=0, le=30 * 86_400)]
Temperatures: TypeAlias = Annotated[tuple[float, ...], AfterValidator(_heats)]
Weights: TypeAlias = Annotated[tuple[float, ...], AfterValidator(_with_weight)]
PlainName: TypeAlias = Annotated[str, AfterValidator(plain_name)]
PeerName: TypeAlias = Annotated[str, AfterValidator(peer_name)]


def require_steady(lr: float, weight_decay: float) -> None:
    """Refuse a decay that takes whole weights away in one step, or turns their signs.

    Raises:
        ValueError: the peak learning rate times the decay is 1 or more.
    """
    if lr * weight_decay >= 1:
        raise ValueError(f"lr x weight_decay is {lr * weight_decay:g}: a step would take weights away whole; lower one")
