"""Texts that a run wrote along its training, as two sides to compare: before and after, or its first and last steps.

Evaluations are the better comparison, since both of their sides are about the same problems. Of steps, the first third
is compared with the last: that a rate changes along a straight line is not to be expected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from secondthought.errors import ConfigError, RunError
from secondthought.habits.discovery.texts import WrittenText, said_in
from secondthought.progress import SILENT, Onlooker, each
from secondthought.report.numbers.habit_points import branch_turns
from secondthought.report.numbers.runs import get, items
from secondthought.runs import RunDirectory
from secondthought.types import TurnKind

Compared: TypeAlias = Literal["evaluations", "steps"]

_FEWEST_STEPS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTexts:
    """`RunTexts` are the two sides of a run, and where they are from."""

    turn: TurnKind
    compared: Compared
    before_from: str
    after_from: str
    before: tuple[WrittenText, ...]
    after: tuple[WrittenText, ...]


def texts_of_run(
    path: Path, turn: TurnKind | None = None, compared: Compared | None = None, *, onlooker: Onlooker = SILENT
) -> RunTexts:
    """Read the two sides of a run.

    Args:
        path: the run directory.
        turn: the kind of turn to read; None is what a step's branches begin with, and the first try where none is kept.
        compared: what to compare; None is evaluations, and steps where those do not have that kind of turn twice.
        onlooker: who is told how far the reading is.

    Raises:
        RunError: there is no run, or it keeps no two sides.
        ConfigError: the run has no turn of that kind there.
    """
    run = RunDirectory.open(path)
    steps, pairs = run.episode_steps(), _pairs(run.evaluations())
    if not pairs and len(steps) < _FEWEST_STEPS:
        raise RunError(
            f"{path}: keeps neither evaluations before and after training nor episodes of {_FEWEST_STEPS} steps to "
            "compare; runs keep episodes with --train.episode-groups above 0"
        )
    chosen = turn or _begins_with(run, steps)
    kinds: Counter[str] = Counter()
    for kind in [compared] if compared else ["evaluations", "steps"]:
        found = _of_evaluations(run, pairs) if kind == "evaluations" else _of_steps(run, steps, onlooker)
        kinds.update(row.kind for side in (found.before, found.after) for row in side)
        before, after = ([row.text for row in side if row.kind == chosen] for side in (found.before, found.after))
        if before and after:
            return RunTexts(
                turn=chosen,
                compared=found.compared,
                before_from=found.before_from,
                after_from=found.after_from,
                before=tuple(before),
                after=tuple(after),
            )
    known = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()) or "none"
    raise ConfigError(
        f"{path}: its {compared or 'evaluations and steps'} do not have the turn {chosen.value!r} on both sides; turns "
        f"there: {known}; choose with --turn and --compare"
    )


@dataclass(frozen=True, slots=True)
class _KindedText:
    kind: str
    text: WrittenText


@dataclass(frozen=True, slots=True, kw_only=True)
class _ComparedSides:
    compared: Compared
    before_from: str
    after_from: str
    before: list[_KindedText]
    after: list[_KindedText]


def _pairs(names: Sequence[str]) -> list[str]:
    """Return the names of evaluations that were made before and after training, without `before_`."""
    ends = [name.removeprefix("before_") for name in names if name.startswith("before_")]
    return [end for end in ends if f"after_{end}" in names]


def _begins_with(run: RunDirectory, steps: Sequence[int]) -> TurnKind:
    """Return the kind of turn that the branches of the first step that has any begin with."""
    for step in steps:
        for row in run.episodes(step):
            for branch in items(row.get("branches")):
                turns = branch_turns(branch) if isinstance(branch, Mapping) else []
                if turns and get(turns[0], "kind") in list(TurnKind):
                    return TurnKind(turns[0]["kind"])
    return TurnKind.ATTEMPT


def _of_evaluations(run: RunDirectory, pairs: Sequence[str]) -> _ComparedSides:
    before, after = (
        [found for end in pairs for row in run.evaluation(side + end) for found in _evaluated(row, side + end)]
        for side in ("before_", "after_")
    )
    names = [", ".join(side + end for end in pairs) for side in ("before_", "after_")]
    return _ComparedSides(compared="evaluations", before_from=names[0], after_from=names[1], before=before, after=after)


def _of_steps(run: RunDirectory, steps: Sequence[int], onlooker: Onlooker) -> _ComparedSides:
    third = -(-len(steps) // 3) if len(steps) >= _FEWEST_STEPS else 0
    sides = [steps[:third], steps[len(steps) - third :]]
    before, after = (
        [
            found
            for step in each(side, "stored steps", onlooker, len(side))
            for row in run.episodes(step)
            for found in _of_group(row, step)
        ]
        for side in sides
    )
    names = [f"steps {side[0]} to {side[-1]}" if side else "" for side in sides]
    return _ComparedSides(compared="steps", before_from=names[0], after_from=names[1], before=before, after=after)


def _evaluated(row: Mapping[str, Any], name: str) -> Iterator[_KindedText]:
    """Yield the turns of a row of an evaluation."""
    turns = [turn for turn in items(row.get("turns")) if isinstance(turn, Mapping)]
    for place, turn in enumerate(turns):
        yield _row(row, turn, turns[:place], name)


def _of_group(row: Mapping[str, Any], step: int) -> Iterator[_KindedText]:
    """Yield what a step sampled for a group: the turns of its branches."""
    history = [turn for turn in items(row.get("history")) if isinstance(turn, Mapping)]
    for number, branch in enumerate(items(row.get("branches"))):
        for turn in branch_turns(branch) if isinstance(branch, Mapping) else ():
            yield _row(row, turn, history, f"step {step}, branch {number}")


def _row(
    row: Mapping[str, Any], turn: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]], where: str
) -> _KindedText:
    given = [row.get("data"), *(get(each, "request") for each in earlier), turn.get("request")]
    problem = str(row.get("problem_id"))
    text = str(turn.get("text") or "")
    source = f"{where}, problem {problem}"
    return _KindedText(
        kind=str(turn.get("kind")),
        text=WrittenText(source=source, text=text, problem=problem, given=said_in(given)),
    )
