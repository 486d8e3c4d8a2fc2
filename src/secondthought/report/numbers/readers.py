"""Readers find habits in the texts of a run: by their wording, and by what was done where the task can tell.

No model is asked and nothing of a user's is imported: a report can be made anywhere from the run directory alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from secondthought import tasks
from secondthought.errors import TaskError
from secondthought.habits.patterns import PatternDetector
from secondthought.protocols import Detector, ReadableTask, Task
from secondthought.report.numbers.habit_points import thought
from secondthought.report.numbers.runs import Run, get
from secondthought.types import Reading, Thought

BY_WORDING, BY_DEEDS = "w", "d"
"""Letters of the readers, in class names of the page."""

MOST_READ = 20_000
"""Characters of a text that are read: what a page shows ends long before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A `Reader` is a detector as the page names it, with the task that reads its problems, if any."""

    letter: str
    name: str
    detector: Detector
    task: Task | None = None

    def read(self, texts: Sequence[str], data: Any) -> list[Reading]:
        """Return what the detector finds in texts on one problem."""
        return self.detect([thought(text, data, self.task) for text in texts])

    @property
    def behaviors(self) -> tuple[str, ...]:
        """Return the habits that the detector looks for."""
        return self.detector.behaviors

    def detect(self, thoughts: Sequence[Thought]) -> list[Reading]:
        """Return what the detector finds within the bound; so a reader is itself a detector."""
        return self.detector.detect([replace(item, text=item.text[:MOST_READ]) for item in thoughts])


def readers(run: Run) -> tuple[Reader, ...]:
    """Return the readers of a run's texts."""
    wording = Reader(letter=BY_WORDING, name="by wording", detector=PatternDetector())
    task = shipped_task(run)
    if not isinstance(task, ReadableTask):
        return (wording,)
    return wording, Reader(letter=BY_DEEDS, name="by what was done", detector=task.reader(), task=task)


def shipped_task(run: Run) -> Task | None:
    """Return the run's task if it ships: a user's own is not imported."""
    name, options = get(run.config, "task", "name"), get(run.config, "task", "options")
    if not isinstance(name, str) or name not in tasks.TASKS:
        return None
    try:
        return tasks.load(name, options if isinstance(options, Mapping) else None)
    except TaskError:
        return tasks.load(name)
