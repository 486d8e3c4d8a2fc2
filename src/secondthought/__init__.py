"""secondthought: language models that get better at thinking twice.

The public names below are imported when they are first used, so `import secondthought` loads no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from secondthought.config import RunConfig
    from secondthought.config.pretrain import PretrainConfig
    from secondthought.config.sft import SftConfig
    from secondthought.errors import (
        CheckError,
        ConfigError,
        PolicyError,
        RunError,
        SecondthoughtError,
        TaskError,
    )
    from secondthought.inference.loading import load_policy
    from secondthought.inference.local import LocalPolicy
    from secondthought.inference.local import LocalPolicy as HFPolicy
    from secondthought.inference.scripted import ScriptedPolicy
    from secondthought.protocols import DiagnosableTask, Policy, Task
    from secondthought.report import build_report
    from secondthought.tasks import load as load_task
    from secondthought.train.pretrain.run import train_pretrain
    from secondthought.train.run import execute
    from secondthought.train.sft.run import train_sft
    from secondthought.types import (
        Completion,
        Episode,
        Failure,
        Group,
        Message,
        Problem,
        Prompt,
        Sampling,
        Turn,
        Verdict,
    )

    __version__: str

__all__ = [
    "CheckError",
    "Completion",
    "ConfigError",
    "DiagnosableTask",
    "Episode",
    "Failure",
    "Group",
    "HFPolicy",
    "LocalPolicy",
    "Message",
    "Policy",
    "PolicyError",
    "PretrainConfig",
    "Problem",
    "Prompt",
    "RunConfig",
    "RunError",
    "Sampling",
    "ScriptedPolicy",
    "SecondthoughtError",
    "SftConfig",
    "Task",
    "TaskError",
    "Turn",
    "Verdict",
    "__version__",
    "build_report",
    "execute",
    "load_policy",
    "load_task",
    "train_pretrain",
    "train_sft",
]

_HOMES = {
    "config": ("RunConfig",),
    "errors": ("CheckError", "ConfigError", "PolicyError", "RunError", "SecondthoughtError", "TaskError"),
    "inference.local": ("LocalPolicy",),
    "inference.loading": ("load_policy",),
    "inference.scripted": ("ScriptedPolicy",),
    "protocols": ("DiagnosableTask", "Policy", "Task"),
    "report": ("build_report",),
    "tasks": ("load",),
    "train.run": ("execute",),
    "train.pretrain.run": ("train_pretrain",),
    "train.sft.run": ("train_sft",),
    "config.pretrain": ("PretrainConfig",),
    "config.sft": ("SftConfig",),
    "types": (
        *("Completion", "Episode", "Failure", "Group", "Message"),
        *("Problem", "Prompt", "Sampling", "Turn", "Verdict"),
    ),
}
_RENAMED = {"load_task": "load", "HFPolicy": "LocalPolicy"}
"""Public names that are called otherwise where they live; `HFPolicy` is how the local policy was called before."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("secondthought")
    wanted = _RENAMED.get(name, name)
    for module, names in _HOMES.items():
        if name in __all__ and wanted in names:
            return getattr(importlib.import_module(f"secondthought.{module}"), wanted)
    raise AttributeError(f"module 'secondthought' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
