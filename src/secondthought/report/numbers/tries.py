"""Tries at the same problems are set side by side: before and after training, or by two models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, TypeAlias

from secondthought.report.numbers.runs import get, items, outcome_of

Turnout: TypeAlias = Literal["second only", "first only", "neither", "both"]

TURNOUTS: tuple[Turnout, ...] = ("second only", "first only", "neither", "both")
"""Which of two evaluations solved a problem within its first two tries, in the order in which problems are chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedTwice:
    """A `PlayedTwice` is one problem with its rows in two evaluations."""

    turnout: Turnout
    first: Mapping[str, Any]
    second: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedTries:
    """`ComparedTries` count the problems by what came of them, and hold some of them."""

    counts: Mapping[Turnout, int]
    chosen: Sequence[PlayedTwice]


def compare_tries(
    firsts: Iterable[Mapping[str, Any]], seconds: Iterable[Mapping[str, Any]], *, most: int = 3
) -> ComparedTries:
    """Compare two evaluations of the same problems, and choose some by a rule that knows no favourites.

    Of each turnout it is the first problem in the order of the evaluation, where one can be had with a reflection;
    then the second of each, until there are `most`.
    """
    known = {str(row.get("problem_id")): row for row in firsts}
    pairs = [(known[name], row) for row in seconds if (name := str(row.get("problem_id"))) in known]
    played = [
        PlayedTwice(turnout=_turnout(first, second), first=first, second=second)
        for first, second in pairs
        if outcome_of(first) is not None and outcome_of(second) is not None
    ]
    return ComparedTries(counts=Counter(item.turnout for item in played), chosen=_in_turn(played)[:most])


def _in_turn(played: Sequence[PlayedTwice]) -> list[PlayedTwice]:
    ranked = sorted(played, key=lambda item: not _has_reflection(item))
    queues = [[item for item in ranked if item.turnout == turnout] for turnout in TURNOUTS]
    longest = max(map(len, queues))
    return list(chain(*([queue[place] for queue in queues if place < len(queue)] for place in range(longest))))


def _has_reflection(item: PlayedTwice) -> bool:
    turns = [*items(item.first.get("turns")), *items(item.second.get("turns"))]
    return any(get(turn, "kind") == "reflection" for turn in turns)


def _turnout(first: Mapping[str, Any], second: Mapping[str, Any]) -> Turnout:
    solved = tuple(bool(found and found.second_try) for found in map(outcome_of, (first, second)))
    if solved == (False, True):
        return "second only"
    if solved == (True, False):
        return "first only"
    return "both" if all(solved) else "neither"
