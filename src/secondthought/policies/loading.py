"""A policy from its config: the one place where names of shipped models become checkpoints."""

from __future__ import annotations

from pathlib import Path

from secondthought.config import ModelConfig
from secondthought.errors import PolicyError
from secondthought.policies.hf import HFPolicy
from secondthought.policies.shipped import SHIPPED, resolve


def load_policy(config: ModelConfig) -> HFPolicy:
    """The causal LM that a config names, called as the config calls it.

    Raises:
        PolicyError: there is no such model, or it cannot be used.
    """
    where = resolve(config.path)
    if where == config.path and config.path in SHIPPED:
        raise PolicyError(f"{config.path}: this installation ships no such model; make one with `organism build`")
    if where == config.path and Path(where).expanduser().is_dir() and not (Path(where) / "config.json").is_file():
        raise PolicyError(f"{where}: is a directory without config.json, so no checkpoint")
    policy = HFPolicy.load(
        where,
        precision=config.precision,
        device=config.device,
        trust_remote_code=config.trust_remote_code,
        keep_thinking=config.keep_thinking,
    )
    policy.name = config.path
    return policy
