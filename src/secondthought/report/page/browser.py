"""The browser shows some groups that a run learned from: evenly spaced steps, a few groups each, a few branches each.

Everything here is text that a model wrote. It is passed on as plain strings and escaped where the page is rendered;
long turns are cut, and the total is bounded, so that a run of any size gives a file of a few megabytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from markupsafe import escape

from secondthought.report.numbers.habit_points import branch_turns
from secondthought.report.numbers.prompts import prompt_of
from secondthought.report.numbers.readers import Reader
from secondthought.report.numbers.runs import Run, get, items, number
from secondthought.report.numbers.spaced import spaced
from secondthought.report.page.marked_text import Stretch, counted, stretches

MOST_STEPS = 8
MOST_GROUPS = 6
MOST_BRANCHES = 4
MOST_CHARACTERS = 1_500
MOST_TOKENS = 400
MOST_ESCAPED = 2_000_000
"""Characters of all shown turns together, as they stand in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTurn:
    """A `ShownTurn` is one turn. `pieces` are its tokens where the run recorded them, else the whole text as one.

    `stretches` are the pieces cut where habits begin and end, `counts` what each reader counted, by its letter.
    """

    kind: str
    request: str
    pieces: tuple[str, ...]
    cut: bool
    num_tokens: int
    reason: str
    correct: bool | None
    learned: bool
    stretches: tuple[Stretch, ...]
    counts: Mapping[str, str]
    fresh: bool = False
    """Whether it begins a conversation of its own, in which nothing above it was in sight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownBranch:
    """A `ShownBranch` has its turns, its reward and its advantage."""

    turns: tuple[ShownTurn, ...]
    reward: float
    advantage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownGroup:
    """A `ShownGroup` has some of its branches; `outcome` (`none`, `some`, `all`) says how many of all were right."""

    run: str
    step: int
    problem: str
    outcome: str
    num_right: int
    num_branches: int
    flat: bool
    history: tuple[ShownTurn, ...]
    branches: tuple[ShownBranch, ...]


def sample(runs: Sequence[Run], readers: Mapping[str, Sequence[Reader]] = MappingProxyType({})) -> list[ShownGroup]:
    """Return groups of all runs, within the bounds above; runs share the space evenly.

    Args:
        runs: the runs.
        readers: mark habits, by the run's label; nothing is marked in others.
    """
    shown: list[ShownGroup] = []
    for run in runs:
        space = MOST_ESCAPED // len(runs)
        of_run: list[ShownGroup] = []
        for group in _of_run(run, readers.get(run.label, ())):
            space -= _size(group)
            if space < 0:
                break
            of_run.append(group)
        shown += sorted(of_run, key=lambda group: group.step)
    return shown


def names(shown: Sequence[ShownGroup], readers: Mapping[str, Sequence[Reader]]) -> dict[str, str]:
    """Return the names of the readers by their letters; those that found nothing in what is shown come last."""
    turns = (turn for group in shown for branch in group.branches for turn in branch.turns)
    found = {letter for turn in turns for one in turn.stretches for letter in one.names}
    every = {reader.letter: reader.name for of_run in readers.values() for reader in of_run}
    return dict(sorted(every.items(), key=lambda item: item[0] not in found))


def _of_run(run: Run, readers: Sequence[Reader]) -> Iterator[ShownGroup]:
    """Yield a group of each step, the last first, then another of each: where space ends, every step has been shown."""
    steps = spaced(run.directory.episode_steps(), MOST_STEPS)[::-1]
    # Groups that taught something first; the order within each kind is the file's.
    rows = {step: sorted(run.directory.episodes(step), key=_is_flat)[:MOST_GROUPS] for step in steps}
    for place in range(MOST_GROUPS):
        yield from (_group(run, step, rows[step][place], readers) for step in steps if place < len(rows[step]))


def _branches(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [branch for branch in items(row.get("branches")) if isinstance(branch, Mapping)]


def _is_flat(row: Mapping[str, Any]) -> bool:
    return not any(number(branch.get("advantage")) for branch in _branches(row))


def _group(run: Run, step: int, row: Mapping[str, Any], readers: Sequence[Reader]) -> ShownGroup:
    data, branches = row.get("data"), _branches(row)
    rewards = [number(branch.get("reward")) for branch in branches]
    right = sum(reward > 0 for reward in rewards)
    return ShownGroup(
        run=run.label,
        step=step,
        problem=prompt_of(row, next((reader.task for reader in readers if reader.task), None))[:MOST_CHARACTERS],
        outcome="none" if right == 0 else "all" if right == len(branches) else "some",
        num_right=right,
        num_branches=len(branches),
        flat=_is_flat(row),
        history=tuple(shown_turn(turn, (), data, readers) for turn in items(row.get("history"))),
        branches=tuple(_branch(branch, data, readers) for branch in _told_apart(branches)),
    )


def _told_apart(branches: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return some of the branches, best and worst among them."""
    ranked = sorted(branches, key=lambda branch: -number(branch.get("reward")))
    return [ranked[index] for index in spaced(range(len(ranked)), MOST_BRANCHES)]


def _branch(branch: Mapping[str, Any], data: Any, readers: Sequence[Reader]) -> ShownBranch:
    learned = tuple(str(kind) for kind in items(branch.get("learned")))
    return ShownBranch(
        turns=(
            *(shown_turn(turn, (), data, readers) for turn in [branch.get("failed")] if isinstance(turn, Mapping)),
            *(shown_turn(turn, learned, data, readers) for turn in branch_turns(branch)),
        ),
        reward=number(branch.get("reward")),
        advantage=number(branch.get("advantage")),
    )


def shown_turn(turn: Any, learned: Sequence[str] = (), data: Any = None, readers: Sequence[Reader] = ()) -> ShownTurn:
    """Return a stored turn as the page shows it, cut to its bound, with what the readers find in it."""
    kind, verdict = str(get(turn, "kind")), get(turn, "verdict")
    text = str(get(turn, "text") or "")
    pieces = tuple(str(piece) for piece in items(get(turn, "tokens"))) or (text,)
    kept = tuple(_cut(pieces))
    found = {reader.letter: reader.read(["".join(pieces)], data)[0] for reader in readers}
    return ShownTurn(
        kind=kind,
        request=str(get(turn, "request") or "")[:MOST_CHARACTERS],
        pieces=kept,
        cut=sum(map(len, kept)) < sum(map(len, pieces)),
        num_tokens=get(turn, "num_tokens") or 0,
        reason=str(get(verdict, "reason") or "").replace("_", " "),
        correct=bool(get(verdict, "correct")) if verdict else None,
        learned=kind in learned,
        stretches=stretches(kept, {letter: reading.spans for letter, reading in found.items()}),
        counts={letter: counted(reading.counts) for letter, reading in found.items()},
        fresh=get(turn, "fresh") is True,
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
    pieces = sum(len(escape(piece)) + 7 for turn in turns for piece in (*turn.pieces, turn.request))
    return pieces + sum(_MARK * bool(one.classes) for turn in turns for one in turn.stretches) + len(group.problem)


_MARK = 100
"""Characters that the markup of a marked stretch takes, about."""
