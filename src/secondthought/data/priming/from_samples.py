"""Traces are stitched from a model's own samples: a wrong one, its reflection and a right one, joined by stock phrases.

No teacher is needed: a thought that fails, is checked and is begun anew is made of what the model wrote itself. Samples
come from a run's `episodes/*.jsonl`, from an evaluation's rows, or from plain rows {"problem", "completion"}.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secondthought.data.priming.filtering import TraceFilter, problem_of, rows
from secondthought.errors import RunError
from secondthought.protocols import Task
from secondthought.rng import stream
from secondthought.tasks.judging import judge
from secondthought.types import Problem

_THOUGHT = re.compile(r"<think>(.*?)</think>", re.DOTALL)
_ANSWER = re.compile(r"<answer>.*?</answer>", re.DOTALL)
_FOUND_WRONG = (
    "Let me check this answer. It is not right.",
    "Wait, checking this: it does not work.",
    "I verify the result, and it is wrong.",
)
_ANEW = ("Let me try again.", "I start over.", "Another attempt:")
_FOUND_RIGHT = (
    "Let me check this answer. It is right.",
    "Checking this: it works.",
    "I verify the result, and it is correct.",
)


@dataclass(slots=True)
class Samples:
    """`Samples` are a model's tries of one problem: wrong ones with the reflections on them, and right ones."""

    problem: Problem
    wrong: list[tuple[str, str]] = field(default_factory=list)
    right: list[str] = field(default_factory=list)


def from_samples(
    paths: Sequence[Path], task: Task, count: int | None, seed: int, *, forbids: Iterable[str] = (), most_wrong: int = 2
) -> TraceFilter:
    """Stitch traces from samples, each problem's right tries used once.

    Args:
        paths: files of samples.
        task: verifies them.
        count: traces that are wanted; None: all.
        seed: of choices and phrases.
        forbids: habits that no trace may show.
        most_wrong: wrong tries in one trace, at most; at least one.

    Raises:
        TaskError: a row is wrong.
        RunError: no problem has both a wrong and a right sample.
    """
    rng, taken = stream("priming", "samples", seed), TraceFilter(task, count, forbids)
    found = [samples for samples in collected(paths, task) if samples.right and samples.wrong]
    if not found:
        names = ", ".join(map(str, paths))
        raise RunError(f"{names}: no problem has both a right and a wrong sample; sample more, or easier problems")
    rng.shuffle(found)
    for samples in found:
        for right in dict.fromkeys(samples.right):
            wrong = rng.sample(samples.wrong, min(len(samples.wrong), rng.randint(1, most_wrong)))
            taken.offer(samples.problem, stitched(wrong, right, rng), attempts=len(wrong) + 1)
    return taken


def stitched(wrong: Sequence[tuple[str, str]], right: str, rng: random.Random) -> str:
    """Write one completion: the wrong thoughts with verdict and reflection, then the right one with its answer.

    >>> wrong = "<think>8+3=11</think><answer>8+3</answer>", "I should multiply."
    >>> text = stitched([wrong], "<think>8*3=24</think><answer>8*3</answer>", random.Random(0))
    >>> text.count("<answer>"), text.endswith("<answer>8*3</answer>"), "11" in text
    (1, True, True)
    """
    parts = []
    for text, reflection in wrong:
        parts += [thought_of(text), rng.choice(_FOUND_WRONG), reflection.strip(), rng.choice(_ANEW)]
    parts += [thought_of(right), rng.choice(_FOUND_RIGHT)]
    thought = "\n".join(part for part in parts if part)
    answer = _ANSWER.findall(right)
    return f"<think>\n{thought}\n</think>\n{answer[-1] if answer else right.strip()}"


def thought_of(text: str) -> str:
    """Return the text between the tags, or without tags all but the marked answer.

    >>> thought_of("<think> 8*3=24 </think><answer>8*3</answer>"), thought_of("So 8*3. <answer>8*3</answer>")
    ('8*3=24', 'So 8*3.')
    """
    found = _THOUGHT.search(text)
    return (found[1] if found else _ANSWER.sub("", text)).strip()


def collected(paths: Sequence[Path], task: Task) -> list[Samples]:
    """Collect the samples by problem, in order of appearance; the task verifies each try anew."""
    found: dict[str, Samples] = {}
    for path in paths:
        for number, row in rows(path):
            data = row.get("data", row.get("problem"))
            problem = problem_of(data, task, path, number)
            samples = found.setdefault(problem.id, Samples(problem))
            for text, reflection in _tries(row):
                if judge(task, problem, text).correct:
                    samples.right.append(text)
                elif thought_of(text):
                    samples.wrong.append((text, reflection))
    return list(found.values())


def _tries(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the tries of a row, each with the reflection that was written on it, if any."""
    if isinstance(row.get("completion"), str):
        yield row["completion"], str(row.get("reflection") or "")
    yield from _in_order(row.get("turns") or ())
    history = list(row.get("history") or ())
    branches = row.get("branches") or ()
    reflections = [_text(branch.get("reflection")) for branch in branches]
    if history:
        yield _text(history[-1]), next(filter(None, reflections), "")
    for branch in branches:
        for turn in branch.get("tries") or ():
            yield _text(turn), ""


def _in_order(turns: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for place, turn in enumerate(turns):
        if turn.get("kind") != "reflection":
            after = turns[place + 1] if place + 1 < len(turns) else {}
            yield _text(turn), _text(after) if after.get("kind") == "reflection" else ""


def _text(turn: Mapping[str, Any] | None) -> str:
    return str((turn or {}).get("text") or "")
