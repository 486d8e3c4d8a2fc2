"""Does a model know that it was wrong? It is asked about its first tries, wrong and right ones alike.

Without a check nobody else says which try to reflect on. A model that calls right tries wrong as often as wrong ones
knows nothing of them, however often it says so: what counts is the difference.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from secondthought.evaluate.evaluation import Evaluation
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.scheduler import Ask, Course
from secondthought.stats import Interval, to_json, unpaired_difference, wilson
from secondthought.types import Failure, Prompt, TurnKind

QUESTION = "Is your answer right? Say yes or no."
_THOUGHT_ENDS = "</think>"
_WORD = re.compile(r"\b(yes|no)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A `Calibration` is how often a model calls its tries wrong: the wrong ones, and the right ones."""

    says_wrong_if_wrong: Interval
    says_wrong_if_right: Interval
    knows: Interval
    """The first minus the second: 0 for a model that knows nothing of its mistakes, 1 for one that knows them all."""
    unreadable: Interval
    """Answers that say neither yes nor no; they count as not saying that a try was wrong."""

    def to_json(self) -> dict[str, Any]:
        """Return the object that files and `--json` hold."""
        return to_json({name: getattr(self, name) for name in self.__dataclass_fields__})


def calibration(player: Player, found: Evaluation, keys: Keys) -> Calibration:
    """Ask about every first try of an evaluation, taking the likeliest tokens.

    Args:
        player: who played it.
        found: the evaluation, as played.
        keys: those of the evaluation.
    """
    tries = (*found.failures, *found.right_tries)
    said = player.run([says_right(player, item, keys) for item in tries], "asked whether it was right")
    wrong, right = said[: len(found.failures)], said[len(found.failures) :]
    if_wrong, if_right = _says_wrong(wrong), _says_wrong(right)
    return Calibration(
        says_wrong_if_wrong=if_wrong,
        says_wrong_if_right=if_right,
        knows=unpaired_difference(if_wrong, if_right),
        unreadable=wilson(said.count(None), len(said)),
    )


def read(text: str) -> bool | None:
    """Return whether a model says that it was right, by the first yes or no after its thoughts; None if neither.

    >>> read("Yes."), read("<think>yes?</think> No, it is 4."), read("It is 4."), read("nonsense")
    (True, False, None, None)
    """
    word = _WORD.search(text.rpartition(_THOUGHT_ENDS)[2])
    return None if word is None else word[0].lower() == "yes"


def says_right(player: Player, given: Failure, keys: Keys) -> Course[bool | None]:
    """Ask a model whether its try was right; None where it says neither yes nor no."""
    turn = given.attempt
    follow = player.policy.follow(turn.completion, QUESTION)
    key = replace(keys, phase=f"{keys.phase} calibration").of(given.problem, TurnKind.REFLECTION)
    prompt = Prompt(trunk=turn.prompt_ids + turn.completion.token_ids + follow, key=key)
    [completion] = yield Ask((prompt,), replace(player.sampling.reflection, temperature=0.0))
    return read(completion.text)


def _says_wrong(said: Sequence[bool | None]) -> Interval:
    return wilson(sum(one is False for one in said), len(said))
