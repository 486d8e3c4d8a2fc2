"""A mixture plays several tasks as one: training on it learns to reflect on all of them.

    secondthought train reflect-retry --task countdown+arithmetic --task.options.countdown.preset tiny

Messages, tools, verdicts and the request for a reflection are those of the part that a problem is of.
Every part gives as many problems as every other, in turn.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from secondthought.errors import TaskError
from secondthought.protocols import ChanceTask, Task
from secondthought.tasks import reflection_prompts
from secondthought.tasks.abilities import AnswerReader, ChangingTask, SizedTask
from secondthought.types import Problem, Split, Verdict

BETWEEN = "+"
"""Stands between the names of the parts."""


class Mixture:
    """A `Mixture` is a task whose problems are those of its `parts`, in turn; data say of which: `{"task", "data"}`."""

    reflection_request: ClassVar[str] = reflection_prompts.GENERAL
    """The request for a problem that no part made; every part words its own (`reflection_requests`)."""

    def __init__(self, parts: Mapping[str, Task]) -> None:
        """Take the parts by the names that they were asked for by.

        Raises:
            TaskError: there are fewer than two, or two of them call themselves alike.
        """
        self.name = BETWEEN.join(parts)
        self.parts: dict[str, Task] = {task.name: task for task in parts.values()}
        if len(parts) < 2 or len(self.parts) < len(parts):
            raise TaskError(f"task {self.name}: a mixture needs two tasks or more with names of their own")
        self._own: dict[str, Problem] = {}

    @property
    def reflection_requests(self) -> Mapping[str, str]:
        """Return each part's request for a reflection, by the task that a problem names."""
        return {name: task.reflection_request for name, task in self.parts.items()}

    @property
    def chance_level(self) -> float:
        """Return the mean of the parts' chance levels; NaN where one of them states none."""
        levels = [task.chance_level if isinstance(task, ChanceTask) else math.nan for task in self.parts.values()]
        return sum(levels) / len(levels)

    def held(self, split: Split) -> int:
        """Return how many problems a split holds: of each part as many as the smallest has; see `SizedTask`."""
        sizes = [task.held(split) for task in self.parts.values() if isinstance(task, SizedTask)]
        return min(sizes) * len(self.parts) if sizes else sys.maxsize

    def problems(self, split: Split, count: int, seed: int) -> list[Problem]:
        """Draw from every part; the first ones give one more where they cannot all give equally many."""
        least, more = divmod(count, len(self.parts))
        drawn = [
            [self._mixed(task, problem) for problem in task.problems(split, least + (place < more), seed)]
            for place, task in enumerate(self.parts.values())
            if least + (place < more)
        ]
        return [found[place] for place in range(least + 1) for found in drawn if place < len(found)]

    def parse(self, data: Mapping[str, Any]) -> Problem:
        """See `Task.parse`."""
        name, own = data.get("task"), data.get("data")
        if not isinstance(name, str) or name not in self.parts or not isinstance(own, Mapping):
            known = ", ".join(self.parts)
            raise TaskError(f"{self.name} problem: 'task' must be one of {known}, and 'data' that of its problem")
        return self._mixed(self.parts[name], self.parts[name].parse(own))

    def verify(self, problem: Problem, text: str) -> Verdict:
        """Return the verdict of the part that the problem is of."""
        task, own = self.part_of(problem)
        return task.verify(own, text)

    def gold(self, problem: Problem) -> str | None:
        """See `Task.gold`."""
        task, own = self.part_of(problem)
        return task.gold(own)

    def answer(self, problem: Problem, text: str) -> str | None:
        """Return what the part reads as the answer (`AnswerReader`); None where it reads none."""
        task, own = self.part_of(problem)
        return task.answer(own, text) if isinstance(task, AnswerReader) else None

    def changed_golds(self, problem: Problem) -> Sequence[str]:
        """Return the part's own wrong answers that are nearly right (`tasks.checks`), if it makes any."""
        task, own = self.part_of(problem)
        return task.changed_golds(own) if isinstance(task, ChangingTask) else ()

    def _mixed(self, task: Task, own: Problem) -> Problem:
        mixed = replace(own, id=f"{task.name}/{own.id}", task=task.name, data={"task": task.name, "data": own.data})
        self._own[mixed.id] = own
        return mixed

    def part_of(self, problem: Problem) -> tuple[Task, Problem]:
        """Return the part that a problem is of, and the problem as the part made it."""
        if problem.id not in self._own:
            self.parse(problem.data)
        return self.parts[problem.task], self._own[problem.id]
