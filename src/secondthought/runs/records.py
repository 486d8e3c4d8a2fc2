"""Turns and groups are written to `episodes/` as rows of JSON, for people, the report and `habits` to read.

Evaluations have rows of their own (`evaluate.rows`). Token ids and log-probabilities
stay out: they are large, and sampling again from the same keys gives them again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from secondthought.types import Branch, Group, Turn, TurnKind


def turn_row(turn: Turn, *, request: str = "") -> dict[str, Any]:
    """Write one turn as a row; `request` is the text that it answers, where it is fresh all of its conversation's."""
    return {
        "kind": turn.kind.value,
        **({"fresh": True} if turn.fresh else {}),
        "request": request,
        "text": turn.completion.text,
        "num_tokens": len(turn.completion.token_ids),
        "stop": turn.completion.stop.value,
        "verdict": _verdict_row(turn),
    }


def group_row(
    group: Group,
    *,
    step: int,
    advantages: Sequence[float],
    learned: Sequence[TurnKind],
    requests: Callable[[Sequence[Turn], Turn], str],
) -> dict[str, Any]:
    """Write one group of a step as a row.

    `advantages` has one number per branch; `learned` are the kinds of turn that may learn. In a branch whose advantage
    is zero, nothing was learned, and its row says so. `requests` gives the text that a turn answers, from the turns
    before it and itself.
    """

    def row(turn: Turn, *before: Turn) -> dict[str, Any]:
        return turn_row(turn, request=requests(before, turn))

    return {
        "step": step,
        "problem_id": group.problem.id,
        "data": dict(group.problem.data),
        "history": [row(turn, *group.history[:place]) for place, turn in enumerate(group.history)],
        "branches": [
            {
                **({} if branch.failed is None else {"failed": row(branch.failed)}),
                "reflection": None if branch.reflection is None else row(branch.reflection, *_before(group, branch)),
                "tries": [row(turn, *_before(group, branch), *_reflected(branch)) for turn in branch.tries],
                "reward": branch.reward,
                "advantage": advantage,
                "learned": [kind.value for kind in learned] if advantage else [],
            }
            for branch, advantage in zip(group.branches, advantages, strict=True)
        ],
    }


def _before(group: Group, branch: Branch) -> tuple[Turn, ...]:
    return group.history if branch.failed is None else (branch.failed,)


def _reflected(branch: Branch) -> tuple[Turn, ...]:
    return () if branch.reflection is None else (branch.reflection,)


def _verdict_row(turn: Turn) -> dict[str, Any] | None:
    verdict = turn.verdict
    if verdict is None:
        return None
    return {
        "correct": verdict.correct,
        "reward": verdict.reward,
        "reason": verdict.reason,
        "well_formed": verdict.well_formed,
        **({"feedback": verdict.feedback} if verdict.feedback else {}),
    }
