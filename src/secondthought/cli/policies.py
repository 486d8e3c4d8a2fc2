"""Policies as the command line finds them: as `model.path` says, and `scripted`, which needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from secondthought.config import LoraConfig, ModelConfig
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.protocols import Policy
from secondthought.tasks.countdown.script import countdown_answers

SCRIPTED = "scripted"
"""Plays Countdown by a script that cheats: for trying commands out, never a result."""
FIXED: Mapping[str, Any] = MappingProxyType({"model.path": "", "model.lora": LoraConfig()})
"""For `parse`, in commands that name their model by place and train nothing: an untrained adapter changes nothing."""


def load(config: ModelConfig, threads: int | None = None) -> Policy:
    """The policy of that path.

    Raises:
        PolicyError: there is no such model, or it cannot be used.
    """
    if config.path == SCRIPTED:
        return ScriptedPolicy(countdown_answers(), name=SCRIPTED)
    import torch  # here, so that parsing, --help and the script do without

    from secondthought.inference.loading import load_policy

    if threads is not None:
        torch.set_num_threads(threads)
    return load_policy(config)
