"""Settings of a run are frozen pydantic models; importing them never imports torch.

Hand-written configs are sparse TOML; class defaults are a setting that we have run. Order: default < file < flag. The
resolved config is written as JSON into the run directory. Unknown keys are refused. The public names below are imported
when they are first used: the overview of commands reads the table of algorithms, and needs no pydantic.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from secondthought.config.base import Config, describe, overlay, read_toml
    from secondthought.config.learning import AlgorithmConfig, CriticConfig, OptimConfig, TrainConfig
    from secondthought.config.play import EpisodeConfig, LoraConfig, ModelConfig, TaskConfig
    from secondthought.config.run import EvalConfig, RunConfig, resolve

__all__ = [
    "AlgorithmConfig",
    "Config",
    "CriticConfig",
    "EpisodeConfig",
    "EvalConfig",
    "LoraConfig",
    "ModelConfig",
    "OptimConfig",
    "RunConfig",
    "TaskConfig",
    "TrainConfig",
    "describe",
    "overlay",
    "read_toml",
    "resolve",
]

_HOMES = {
    "base": ("Config", "describe", "overlay", "read_toml"),
    "learning": ("AlgorithmConfig", "CriticConfig", "OptimConfig", "TrainConfig"),
    "play": ("EpisodeConfig", "LoraConfig", "ModelConfig", "TaskConfig"),
    "run": ("EvalConfig", "RunConfig", "resolve"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"secondthought.config.{module}"), name)
    raise AttributeError(f"module 'secondthought.config' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
