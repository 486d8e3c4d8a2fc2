"""Detectors by name: the one table of those that need nothing but the text and its problem.

A detector of one's own needs no row: `module:Class` names it wherever a name is asked for.
"""

from __future__ import annotations

from collections.abc import Callable

from secondthought import plugins
from secondthought.errors import ConfigError, SecondthoughtError
from secondthought.habits.learned.detector import LearnedDetector
from secondthought.habits.patterns import PatternDetector
from secondthought.protocols import Detector, ReadableTask, Task
from secondthought.spelling import suggestion


def reader_of(task: Task) -> Detector:
    """Return the task's own reader, which follows what a thought did.

    Raises:
        ConfigError: the task has none.
    """
    if not isinstance(task, ReadableTask):
        raise ConfigError(
            f"the functional detector asks a task for its reader, and task {task.name} has none; use patterns"
        )
    return task.reader()


def by_wording(task: Task) -> Detector:
    """Return the detector that goes by wording, whatever the task."""
    return PatternDetector()


def by_reading(task: Task) -> Detector:
    """Return the detector that learned from windows which were read, whatever the task."""
    return LearnedDetector()


DETECTORS: dict[str, Callable[[Task], Detector]] = {
    "functional": reader_of,
    "learned": by_reading,
    "patterns": by_wording,
}
"""Makers of detectors by name; `config.run` declares the same names, which a test holds together."""


def detector(name: str, task: Task) -> Detector:
    """Return the detector of that name for texts about a task's problems.

    Args:
        name: a row of `DETECTORS`, or `module:Class`.
        task: the problems' task, which may have a reader of its own.

    Raises:
        ConfigError: there is none of that name, the task has no reader, or the class is no detector.
    """
    if ":" in name:
        return _from_outside(name)
    if name not in DETECTORS:
        hint = suggestion(name, DETECTORS)
        raise ConfigError(f"there is no detector {name!r}{hint}; known: {', '.join(DETECTORS)}, or module:Class")
    return DETECTORS[name](task)


def _from_outside(name: str) -> Detector:
    kind = plugins.named_class(name, "detector", Detector, ConfigError)
    try:
        made = kind()
    except TypeError as error:
        raise ConfigError(f"detector {name}: is made without arguments, which its class refuses: {error}") from None
    except (SecondthoughtError, OSError):
        raise
    except Exception as error:
        raise ConfigError(f"detector {name}: its own code failed with {type(error).__name__}: {error}") from error
    if not isinstance(made, Detector):
        raise ConfigError(f"detector {name}: the class is not a Detector, it lacks {plugins.lacking(made, Detector)}")
    return made
