"""A few problems stand on the page as they were played twice: before and after training, or by two models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secondthought.protocols import Task
from secondthought.report.numbers.inputs import ReportInputs
from secondthought.report.numbers.prompts import prompt_of
from secondthought.report.numbers.readers import shipped_task
from secondthought.report.numbers.runs import get, items
from secondthought.report.numbers.tries import TURNOUTS, ComparedTries, PlayedTwice, Turnout, compare_tries
from secondthought.report.page.browser import MOST_CHARACTERS, ShownTurn, shown_turn

MOST_TURNS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownProblem:
    """A `ShownProblem` has the problem's text, what came of it, and the turns of both sides by their names."""

    label: str
    problem: str
    sides: Sequence[tuple[str, Sequence[ShownTurn]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedTwiceSection:
    """The `PlayedTwiceSection` counts the problems by what came of them, and shows some."""

    title: str
    about: str
    problems: Sequence[ShownProblem]


def played_twice(inputs: ReportInputs) -> PlayedTwiceSection | None:
    """Build the section from the first run that kept both evaluations; None where none did."""
    run = next((run for run in inputs.runs if {"before_t1.0", "after_t1.0"} <= set(run.directory.evaluations())), None)
    if run is None:
        return None
    found = compare_tries(run.directory.evaluation("before_t1.0"), run.directory.evaluation("after_t1.0"))
    of = f" Run: {run.label}." if len(inputs.runs) > 1 else ""
    return section_of(found, ("before", "after"), shipped_task(run), of)


def section_of(
    found: ComparedTries, names: tuple[str, str], task: Task | None = None, remark: str = ""
) -> PlayedTwiceSection | None:
    """Build the section of two evaluations with their names; None where they share no problem."""
    if not found.chosen:
        return None
    total = sum(found.counts.values())
    counts = ", ".join(f"{found.counts[name]:,} {_words(name, names)}" for name in TURNOUTS if found.counts.get(name))
    return PlayedTwiceSection(
        title=f"The same problems, {names[0]} and {names[1]}",
        about=f"Of {total:,} test problems within two tries: {counts}. Shown is the first of each in the order of the "
        f"evaluation, if possible with a reflection; nobody chose them.{remark}",
        problems=[_shown(item, names, task) for item in found.chosen],
    )


def _words(turnout: Turnout, names: tuple[str, str]) -> str:
    said = {"second only": f"solved only {names[1]}", "first only": f"solved only {names[0]}"}
    return {**said, "neither": "solved neither time", "both": "solved both times"}[turnout]


def _shown(item: PlayedTwice, names: tuple[str, str], task: Task | None) -> ShownProblem:
    prompt = prompt_of(item.second, task)
    return ShownProblem(
        label=_words(item.turnout, names),
        problem=prompt[:MOST_CHARACTERS],
        sides=[(name, _turns(row, prompt)) for name, row in zip(names, (item.first, item.second), strict=True)],
    )


def _turns(row: Mapping[str, Any], prompt: str) -> list[ShownTurn]:
    turns = list(items(row.get("turns")))[:MOST_TURNS]
    return [shown_turn({**turn, "request": _briefly(turn, prompt)}) for turn in turns if isinstance(turn, Mapping)]


def _briefly(turn: Any, prompt: str) -> str:
    """Return the request of a turn on one line, without the problem's text, which stands above."""
    request = str(get(turn, "request") or "")
    if request == prompt:
        return ""
    return " ".join((request.replace(prompt, "[the problem]") if prompt else request).split())
