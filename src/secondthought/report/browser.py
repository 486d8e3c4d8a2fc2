"""A sample of the groups that a run learned from: evenly spaced steps, a few groups each, a few branches of each group.

Everything here is text that a model wrote. It is passed on as plain strings and escaped where the page is rendered;
long turns are cut, and the total is bounded, so that a run of any size gives a file of a few megabytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import escape

from secondthought.report.load import Run, get, items, number

MOST_STEPS = 8
MOST_GROUPS = 6
MOST_BRANCHES = 4
MOST_CHARACTERS = 1_500
MOST_TOKENS = 400
MOST_ESCAPED = 2_000_000
"""Characters of all shown turns together, as they stand in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTurn:
    """One turn. `pieces` are its tokens where the run recorded them, else the whole text as one."""

    kind: str
    request: str
    pieces: tuple[str, ...]
    cut: bool
    num_tokens: int
    reason: str
    correct: bool | None
    learned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownBranch:
    """One branch: its turns, its reward and its advantage."""

    turns: tuple[ShownTurn, ...]
    reward: float
    advantage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownGroup:
    """One group. `outcome` is `none`, `some` or `all`: how many of its branches were right."""

    run: str
    step: int
    problem: str
    outcome: str
    num_right: int
    num_branches: int
    flat: bool
    history: tuple[ShownTurn, ...]
    branches: tuple[ShownBranch, ...]


def sample(runs: Sequence[Run]) -> list[ShownGroup]:
    """Groups of all runs, within the bounds above; runs share the space evenly."""
    shown: list[ShownGroup] = []
    for run in runs:
        space = MOST_ESCAPED // len(runs)
        for group in _of_run(run):
            space -= _size(group)
            if space < 0:
                break
            shown.append(group)
    return shown


def spaced(values: Sequence[int], count: int) -> list[int]:
    """At most `count` of the values, evenly spaced, with the first and the last.

    >>> spaced([10, 20, 30, 40, 50], 3), spaced([10], 3)
    ([10, 30, 50], [10])
    """
    if len(values) <= count:
        return list(values)
    return [values[round(index * (len(values) - 1) / (count - 1))] for index in range(count)]


def _of_run(run: Run) -> Iterator[ShownGroup]:
    for step in spaced(run.directory.episode_steps(), MOST_STEPS):
        groups = [_group(run, step, row) for row in run.directory.episodes(step)]
        # Groups that taught something first; the order within each kind is the file's.
        yield from sorted(groups, key=lambda group: group.flat)[:MOST_GROUPS]


def _group(run: Run, step: int, row: Mapping[str, Any]) -> ShownGroup:
    branches = [branch for branch in items(row.get("branches")) if isinstance(branch, Mapping)]
    rewards = [number(branch.get("reward")) for branch in branches]
    right = sum(reward > 0 for reward in rewards)
    return ShownGroup(
        run=run.label,
        step=step,
        problem=json.dumps(row.get("data"), ensure_ascii=False)[:MOST_CHARACTERS],
        outcome="none" if right == 0 else "all" if right == len(branches) else "some",
        num_right=right,
        num_branches=len(branches),
        flat=not any(number(branch.get("advantage")) for branch in branches),
        history=tuple(_turn(turn, ()) for turn in items(row.get("history"))),
        branches=tuple(_branch(branch) for branch in _told_apart(branches)),
    )


def _told_apart(branches: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Some of the branches, best and worst among them."""
    ranked = sorted(branches, key=lambda branch: -number(branch.get("reward")))
    return [ranked[index] for index in spaced(range(len(ranked)), MOST_BRANCHES)]


def _branch(branch: Mapping[str, Any]) -> ShownBranch:
    learned = tuple(str(kind) for kind in items(branch.get("learned")))
    turns = [branch["reflection"]] if branch.get("reflection") else []
    turns += list(items(branch.get("tries")))
    return ShownBranch(
        turns=tuple(_turn(turn, learned) for turn in turns),
        reward=number(branch.get("reward")),
        advantage=number(branch.get("advantage")),
    )


def _turn(turn: Any, learned: Sequence[str]) -> ShownTurn:
    kind, verdict = str(get(turn, "kind")), get(turn, "verdict")
    text = str(get(turn, "text") or "")
    pieces = tuple(str(piece) for piece in items(get(turn, "tokens"))) or (text,)
    kept = tuple(_cut(pieces))
    return ShownTurn(
        kind=kind,
        request=str(get(turn, "request") or "")[:MOST_CHARACTERS],
        pieces=kept,
        cut=sum(map(len, kept)) < sum(map(len, pieces)),
        num_tokens=get(turn, "num_tokens") or 0,
        reason=str(get(verdict, "reason") or "").replace("_", " "),
        correct=bool(get(verdict, "correct")) if verdict else None,
        learned=kind in learned,
    )


def _cut(pieces: Sequence[str]) -> Iterator[str]:
    space = MOST_CHARACTERS
    for piece in pieces[:MOST_TOKENS]:
        yield piece[:space]
        space -= len(piece)
        if space <= 0:
            return


def _size(group: ShownGroup) -> int:
    turns = [*group.history, *(turn for branch in group.branches for turn in branch.turns)]
    return sum(len(escape(piece)) + 7 for turn in turns for piece in (*turn.pieces, turn.request)) + len(group.problem)
