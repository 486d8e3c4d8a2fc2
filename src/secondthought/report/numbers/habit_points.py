"""Habit points say how often habits show in the texts that a run stored: by step and kind of turn, and by evaluation.

Of a step's groups, what the step itself sampled is read: the turns of the branches. Their history is not: it holds
failures only, so it says little about how the policy writes. A reflection is right where its retry is. Intervals take
problems as independent, samples of one problem not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from secondthought.errors import TaskError
from secondthought.habits.rates import HabitRates, Observed, difference, rates_in_groups, right_difference, share
from secondthought.protocols import Detector, Task
from secondthought.report.numbers.runs import get, items
from secondthought.report.numbers.spaced import spaced
from secondthought.runs import RunDirectory
from secondthought.stats import Interval, Ratio, to_json
from secondthought.types import Problem, Thought


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTurn:
    """A `StoredTurn` is one turn of a run: its text, and what is known of it."""

    problem_id: str
    data: Mapping[str, Any]
    turn: str
    text: str
    num_tokens: int
    correct: bool | None
    """The verifier's word, where there is one; a reflection is right where most of the retries after it are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HabitPoint:
    """A `HabitPoint` sums up one kind of turn at a place of a run: a step (`source` is "episodes") or an evaluation."""

    source: str
    step: int | None
    turn: str
    texts: int
    problems: int
    accuracy: Interval
    tokens: Interval
    habits: Mapping[str, HabitRates]
    picked: Mapping[str, Ratio]
    """The `habits.rates.right_difference` of each habit: what the reward picks among the texts of a group."""

    def to_json(self) -> dict[str, Any]:
        """Return the record that `secondthought habits RUN --json` shows."""
        place = {name: getattr(self, name) for name in ("source", "step", "turn", "texts", "problems")}
        means = to_json({"accuracy": self.accuracy, "tokens": self.tokens})
        return {
            **place,
            **means,
            "behaviors": {
                name: {**rates.to_json("tokens"), **to_json({"right_difference": difference(self.picked[name])})}
                for name, rates in self.habits.items()
            },
        }


def steps_points(
    run: RunDirectory, steps: Iterable[int], detector: Detector, task: Task | None = None, *, most: int | None = None
) -> Iterator[HabitPoint]:
    """Yield the points of the stored steps, one per step and kind of turn.

    Args:
        run: the run.
        steps: those of `run.episode_steps()` to read.
        detector: finds the habits.
        task: reads the problems, for a detector that wants to know them.
        most: groups of a step to read, evenly spaced; None reads all.
    """
    for step in steps:
        yield from _points("episodes", step, _some(list(_of_episodes(run, step)), most), detector, task)


def evaluation_points(
    run: RunDirectory, detector: Detector, task: Task | None = None, *, most: int | None = None
) -> Iterator[HabitPoint]:
    """Yield the points of the kept evaluations, one per evaluation and kind of turn; `most` bounds their problems."""
    for name in run.evaluations():
        yield from _points(name, None, _some(list(_of_evaluation(run, name)), most), detector, task)


def picked(points: Sequence[HabitPoint]) -> dict[str, Interval]:
    """Pool what the reward picked over points, for each habit; points of other runs are other groups."""
    pooled: dict[str, Ratio] = {}
    for point in points:
        for name, pairs in point.picked.items():
            pooled.setdefault(name, Ratio())
            pooled[name] += pairs
    return {name: difference(pairs) for name, pairs in pooled.items()}


def thought(text: str, data: Any, task: Task | None) -> Thought:
    """Return a text with its problem, as far as the task can read it."""
    return Thought(text=text, problem=_problem(data, task))


def _of_episodes(run: RunDirectory, step: int) -> Iterator[list[StoredTurn]]:
    """Yield for each group the turns of its branches."""
    for row in run.episodes(step):
        branches = [branch for branch in items(row.get("branches")) if isinstance(branch, Mapping)]
        yield [turn for branch in branches for turn in _stored_turns(row, branch_turns(branch))]


def branch_turns(branch: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the reflection of a branch, if there is one, and its tries."""
    turns = [branch.get("reflection"), *items(branch.get("tries"))]
    return [turn for turn in turns if isinstance(turn, Mapping)]


def _of_evaluation(run: RunDirectory, name: str) -> Iterator[list[StoredTurn]]:
    """Yield for each problem its turns."""
    for row in run.evaluation(name):
        yield _stored_turns(row, list(items(row.get("turns"))))


def _stored_turns(row: Mapping[str, Any], turns: Sequence[Any]) -> list[StoredTurn]:
    """Read turns that follow each other; a reflection is judged by the retries up to the next one."""
    found: list[StoredTurn] = []
    retries: list[bool] = []
    for turn in reversed([_stored(row, turn) for turn in turns]):
        if turn.correct is None:
            found.append(replace(turn, correct=2 * sum(retries) > len(retries) if retries else None))
            retries = []
        else:
            found.append(turn)
            retries.append(turn.correct)
    return found[::-1]


def _stored(row: Mapping[str, Any], turn: Any) -> StoredTurn:
    verdict, num_tokens = get(turn, "verdict"), get(turn, "num_tokens")
    return StoredTurn(
        problem_id=str(row.get("problem_id")),
        data=row["data"] if isinstance(row.get("data"), Mapping) else {},
        turn=str(get(turn, "kind")),
        text=str(get(turn, "text") or ""),
        num_tokens=num_tokens if isinstance(num_tokens, int) else 0,
        correct=bool(get(verdict, "correct")) if verdict else None,
    )


def _points(
    source: str, step: int | None, groups: Iterable[Sequence[StoredTurn]], detector: Detector, task: Task | None
) -> Iterator[HabitPoint]:
    turns = [turn for group in groups for turn in group]
    for kind in dict.fromkeys(turn.turn for turn in turns):
        read = _observed([turn for turn in turns if turn.turn == kind], detector, task)
        yield HabitPoint(
            source=source,
            step=step,
            turn=kind,
            texts=sum(map(len, read)),
            problems=len(read),
            accuracy=share(_ratio([text.correct for text in group if text.correct is not None] for group in read)),
            tokens=_of_lengths(_ratio([text.tokens or 0 for text in group] for group in read)),
            habits={name: rates_in_groups(read, name) for name in detector.behaviors},
            picked={name: right_difference(read, name) for name in detector.behaviors},
        )


def _observed(texts: Sequence[StoredTurn], detector: Detector, task: Task | None) -> list[list[Observed]]:
    """Return the counts and verdicts of the texts, problem by problem."""
    readings = detector.detect([thought(item.text, item.data, task) for item in texts])
    groups: dict[str, list[Observed]] = {}
    for item, reading in zip(texts, readings, strict=True):
        found = Observed(counts=reading.counts, words=0, tokens=item.num_tokens, correct=item.correct)
        groups.setdefault(item.problem_id, []).append(found)
    return list(groups.values())


def _ratio(groups: Iterable[Sequence[float]]) -> Ratio:
    pairs = Ratio()
    for values in groups:
        if values:
            pairs.add(sum(values), len(values))
    return pairs


def _of_lengths(pairs: Ratio) -> Interval:
    found = pairs.interval()
    return found if math.isnan(found.low) else replace(found, low=max(0.0, found.low))


def _problem(data: Any, task: Task | None) -> Problem | None:
    if task is None or not isinstance(data, Mapping):
        return None
    try:
        return task.parse(data)
    except TaskError:
        return None


def _some(groups: list[list[StoredTurn]], most: int | None) -> list[list[StoredTurn]]:
    return groups if most is None else spaced(groups, most)
