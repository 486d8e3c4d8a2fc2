"""The tasks that ship, and how any task is found: by name, as `module:Class`, or as a JSONL file of questions.

A task of one's own is any class that offers `protocols.Task`; no edit here is needed to use it.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from secondthought import plugins
from secondthought.errors import SecondthoughtError, TaskError
from secondthought.protocols import ChanceTask, OptionTask, PresetTask, Task
from secondthought.spelling import suggestion
from secondthought.tasks.mixture import BETWEEN, Mixture
from secondthought.tasks.options import TaskOptions

TASKS: dict[str, str] = {
    "countdown": "secondthought.tasks.countdown:Countdown",
    "arithmetic": "secondthought.tasks.arithmetic:Arithmetic",
    "function_calling": "secondthought.tasks.function_calling:FunctionCalling",
    "gsm8k": "secondthought.tasks.gsm8k:Gsm8k",
    "hellaswag": "secondthought.tasks.hellaswag:HellaSwag",
    "json_schema": "secondthought.tasks.json_schema:JsonSchema",
    "math": "secondthought.tasks.mathematics:Math",
    "mmlu_pro": "secondthought.tasks.mmlu_pro:MmluPro",
    "python_code": "secondthought.tasks.python_code:PythonCode",
    "chat_request": "secondthought.tasks.chat_request:ChatRequest",
}
"""Name to class, imported when it is asked for."""

SOURCES: dict[str, tuple[str, str]] = {
    "command": ("secondthought.tasks.command:CommandTask", "command"),
    "jsonl": ("secondthought.tasks.jsonl_task:JsonlTask", "path"),
    "reasoning_gym": ("secondthought.tasks.reasoning_gym:ReasoningGym", "dataset"),
    "verifiers": ("secondthought.bridges.verifiers_tasksets:VerifiersTaskset", "taskset"),
    "trl": ("secondthought.bridges.trl_rewards:TrlRewards", "rewards"),
}
"""Class and option of what stands after `SOURCE:` in a name: `reasoning_gym:leg_counting`, `jsonl:rows.txt`."""

_WHOLE = "command:"
"""The beginning of a name that is never a mixture: a command may hold any letter."""
LM_EVAL = "lm_eval:"
"""The beginning of the name of a benchmark that lm-eval asks and scores: an exam of `forget`, and no task."""


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
        name: a key of `TASKS`, a key of `SOURCES` with what it is to give (`reasoning_gym:leg_counting`),
            `module:Class`, the path of a `.jsonl` file, or several of these with `+` between: a mixture.
        options: keyword arguments of the task's class; of a mixture, those of each part by its name, as a table or
            behind `PART.`.

    Raises:
        TaskError: there is no such task, an option is unknown or not allowed, or the task's own code fails.

    >>> load("countdown", {"preset": "tiny"}).name
    'countdown'
    """
    if BETWEEN in name and not name.startswith(_WHOLE) and not Path(name).expanduser().is_file():
        return Mixture({part: load(part, own) for part, own in _options_by_part(name, options or {}).items()})
    target, named = _target(name)
    kind = plugins.named_class(target, "task", Task, TaskError)
    task = _construct(name, kind, {**(options or {}), **named})
    if not isinstance(task, Task):
        raise TaskError(f"task {name}: the class is not a Task, it lacks {plugins.lacking(task, Task)}")
    for part in ("name", "reflection_request"):
        if not isinstance(getattr(task, part), str) or not getattr(task, part).strip():
            raise TaskError(f"task {name}: {part!r} must be a text that is not empty, not {getattr(task, part)!r}")
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


def _target(name: str) -> tuple[str, dict[str, str]]:
    """Return the class that a name means, as `module:Class`, and the options that the name sets."""
    if name in TASKS:
        return TASKS[name], {}
    source, colon, given = name.partition(":")
    if colon and source in SOURCES:
        target, option = SOURCES[source]
        return target, {option: given}
    if name.startswith(LM_EVAL):
        raise TaskError(
            f"task {name}: lm-eval asks and scores its benchmarks itself; `secondthought forget` takes them"
        )
    if name.endswith(".jsonl"):
        target, option = SOURCES["jsonl"]
        return target, {option: name}
    if name in SOURCES:
        raise TaskError(f"task {name}: say which, as {name}:{SOURCES[name][1].upper()}")
    if not colon:
        raise TaskError(
            f"there is no task {name!r}{suggestion(name, [*TASKS, *SOURCES])}; known: {', '.join(TASKS)},"
            f" or give {', '.join(f'{source}:NAME' for source in SOURCES)}, module:Class, or the path of a .jsonl file"
        )
    return name, {}


def _options_by_part(name: str, options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the options of each part of a mixture.

    >>> _options_by_part("a+b", {"a.x": 1, "b": {"y": 2}})
    {'a': {'x': 1}, 'b': {'y': 2}}
    """
    parts = name.split(BETWEEN)
    found: dict[str, dict[str, Any]] = {part: {} for part in parts}
    if len(found) < len(parts) or "" in found:
        raise TaskError(f"task {name}: a mixture names each of its tasks once, with {BETWEEN} between")
    for key, value in options.items():
        part = next((part for part in parts if key == part or key.startswith(f"{part}.")), None)
        if part is None or (key == part and not isinstance(value, Mapping)):
            raise TaskError(
                f"task {name}: option {key!r} is of no part; give {parts[0]}.{key}, or a table {parts[0]!r}"
            )
        found[part].update(value if key == part else {key.removeprefix(f"{part}."): value})
    return found


def _construct(name: str, kind: type, options: Mapping[str, Any]) -> object:
    try:
        inspect.signature(kind).bind(**options)
    except (TypeError, ValueError) as error:
        raise TaskError(f"task {name}: options do not fit: {error}") from None
    try:
        return cast(object, kind(**options))
    except (SecondthoughtError, OSError):
        raise
    except Exception as error:
        raise TaskError(f"task {name}: its own code failed with {type(error).__name__}: {error}") from error


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
