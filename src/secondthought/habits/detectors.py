"""The detectors that need nothing but the text and its problem, by name."""

from __future__ import annotations

from secondthought.errors import ConfigError
from secondthought.habits.patterns import PatternDetector
from secondthought.protocols import Detector, ReadableTask, Task

FUNCTIONAL, PATTERNS = "functional", "patterns"
"""`functional` follows what was done, as the task reads it; `patterns` goes by wording."""


def detector(name: str, task: Task) -> Detector:
    """Return the detector of that name for texts about a task's problems.

    Raises:
        ConfigError: there is none of that name, or the task has no reader.
    """
    if name == FUNCTIONAL:
        return reader_of(task)
    if name == PATTERNS:
        return PatternDetector()
    raise ConfigError(f"there is no detector {name!r}; known: {FUNCTIONAL}, {PATTERNS}")


def reader_of(task: Task) -> Detector:
    """Return the task's own reader, which follows what a thought did.

    Raises:
        ConfigError: the task has none.
    """
    if not isinstance(task, ReadableTask):
        raise ConfigError(
            f"the functional detector asks a task for its reader, and task {task.name} has none; use {PATTERNS}"
        )
    return task.reader()
