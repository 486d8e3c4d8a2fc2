"""The tasks that ship, and how any task is found: by name, as `module:Class`, or as a JSONL file of questions.

A task of one's own is any class that offers `protocols.Task`; no edit here is needed to use it.
"""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from secondthought.errors import TaskError
from secondthought.protocols import ChanceTask, OptionTask, PresetTask, Task
from secondthought.tasks.options import TaskOptions, suggestion

TASKS: dict[str, str] = {
    "countdown": "secondthought.tasks.countdown:Countdown",
    "arithmetic": "secondthought.tasks.arithmetic:Arithmetic",
}
"""Name to class, imported when it is asked for."""

_JSONL = "secondthought.tasks.jsonl_task:JsonlTask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An `Option` of a task has a name, a default and the sentence that explains it."""

    name: str
    default: Any
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A `Description` is what `tasks show` prints; `chance_level` is NaN where the task states none."""

    name: str
    help: str
    options: tuple[Option, ...]
    presets: Mapping[str, Mapping[str, Any]]
    chance_level: float
    reflection_request: str


def load(name: str, options: Mapping[str, Any] | None = None) -> Task:
    """Load the task of that name, with its options.

    Args:
        name: a key of `TASKS`, `module:Class`, or the path of a `.jsonl` file.
        options: keyword arguments of the task's class.

    Raises:
        TaskError: there is no such task, or an option is unknown or not allowed.

    >>> load("countdown", {"preset": "tiny"}).name
    'countdown'
    """
    own = dict(options or {})
    if name.endswith(".jsonl"):
        own = {**own, "path": name}
    task = _construct(name, _class(name), own)
    if not isinstance(task, Task):
        missing = sorted(part for part in _required() if not hasattr(task, part))
        raise TaskError(f"task {name}: the class is not a Task, it lacks {', '.join(missing)}")
    return task


def describe(name: str, options: Mapping[str, Any] | None = None) -> Description:
    """Describe a task: what there is to know before using it.

    Raises:
        TaskError: there is no such task, or it cannot be made with these options.
    """
    task = load(name, options)
    return Description(
        name=task.name,
        help=inspect.getdoc(type(task)) or "",
        options=_options(task),
        presets=task.presets if isinstance(task, PresetTask) else {},
        chance_level=float(task.chance_level) if isinstance(task, ChanceTask) else math.nan,
        reflection_request=task.reflection_request,
    )


def _class(name: str) -> Any:
    target = _JSONL if name.endswith(".jsonl") else TASKS.get(name, name)
    module, colon, attribute = target.partition(":")
    if not colon:
        raise TaskError(
            f"there is no task {name!r}{suggestion(name, TASKS)}; known: {', '.join(TASKS)},"
            " or give module:Class, or the path of a .jsonl file"
        )
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, ValueError) as error:
        raise TaskError(f"task {name}: module {module!r} cannot be imported: {error}") from None
    except AttributeError:
        raise TaskError(f"task {name}: module {module!r} has no {attribute!r}") from None


def _construct(name: str, kind: Any, options: Mapping[str, Any]) -> object:
    try:
        inspect.signature(kind).bind(**options)
    except TypeError as error:
        raise TaskError(f"task {name}: options do not fit: {error}") from None
    return cast(object, kind(**options))


def _required() -> tuple[str, ...]:
    return ("name", "problems", "parse", "verify", "gold", "reflection_request")


def _options(task: Task) -> tuple[Option, ...]:
    parameters = inspect.signature(type(task)).parameters.values()
    declared = task.options_type if isinstance(task, OptionTask) else None
    takes_any = any(item.kind is item.VAR_KEYWORD for item in parameters)
    if takes_any and isinstance(declared, type) and issubclass(declared, TaskOptions):
        return tuple(
            Option(name=name, default="(required)" if item.is_required() else item.default, help=item.description or "")
            for name, item in declared.model_fields.items()
        )
    return tuple(
        Option(name=item.name, default="(required)" if item.default is item.empty else item.default, help="")
        for item in parameters
        if item.kind not in (item.VAR_KEYWORD, item.VAR_POSITIONAL)
    )
