"""Options of tasks, in commands that take several: each task's own stand below its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from secondthought.errors import ConfigError


def options_by_task(tasks: Sequence[str], options: Mapping[str, Any], prog: str) -> dict[str, Mapping[str, Any]]:
    """Return the options of each task, in order.

    Raises:
        ConfigError: a task is named twice, or with several tasks an option stands below none of them.

    >>> options_by_task(["gsm8k"], {"files": ["a.jsonl"]}, "eval")
    {'gsm8k': {'files': ['a.jsonl']}}
    >>> options_by_task(["gsm8k", "countdown"], {"gsm8k.files": ["a.jsonl"]}, "eval")
    {'gsm8k': {'files': ['a.jsonl']}, 'countdown': {}}
    """
    if len(set(tasks)) < len(tasks):
        raise ConfigError(f"{prog}: a task is named twice; name each once")
    if len(tasks) == 1:
        return {tasks[0]: options}
    found: dict[str, dict[str, Any]] = {name: {} for name in tasks}
    for name, value in options.items():
        task = next((task for task in tasks if name.startswith(f"{task}.")), None)
        if task is None:
            raise ConfigError(
                f"{prog}: --options.{name}: with several tasks, options are given for each by its name:"
                f" --options.{tasks[0]}.NAME VALUE"
            )
        found[task][name.removeprefix(f"{task}.")] = value
    return dict(found)
