"""A policy from its config: the one place where names become checkpoints, and adapters find their base model."""

from __future__ import annotations

from pathlib import Path

from secondthought.config import ModelConfig
from secondthought.errors import ConfigError, PolicyError
from secondthought.inference.local import LocalPolicy
from secondthought.models import lora
from secondthought.models.shipped import resolve, shipped


def load_policy(config: ModelConfig) -> LocalPolicy:
    """The causal LM that a config names, called as the config calls it.

    The directory of an adapter gives its base model with that adapter in it; training goes on with the adapter.

    Raises:
        ConfigError: an adapter is asked for where there is one already, or without the package that it needs.
        PolicyError: there is no such model, or it cannot be used.
    """
    directory = Path(config.path).expanduser()
    policy = _with_saved_adapter(config, directory) if is_adapter(directory) else _whole(config)
    if config.lora.rank and policy.adapter is None:
        policy.adapter = lora.add(policy.model, config.lora, base=base_name(config.path))
    policy.name = config.path
    return policy


def is_adapter(directory: Path) -> bool:
    """True where an adapter was saved, by us or by `peft`."""
    return (directory / lora.CONFIG).is_file()


def base_name(path: str) -> str:
    """How an adapter names its base: a shipped model or a hub id as it is called, a directory by its whole path.

    >>> base_name("somebody/some-model")
    'somebody/some-model'
    """
    where = Path(resolve(path)).expanduser()
    return str(where.resolve()) if where.is_dir() and where != shipped(path) else path


def _with_saved_adapter(config: ModelConfig, directory: Path) -> LocalPolicy:
    if config.lora.rank:
        raise ConfigError(
            f"model.lora: {config.path} is an adapter already; leave model.lora out to go on training it, or make it "
            "part of its base with `secondthought merge` first"
        )
    base = lora.base_of(directory)
    if is_adapter(Path(base).expanduser()):
        raise PolicyError(f"{directory}: its base model {base} is an adapter itself; merge that one first")
    try:
        policy = _whole(config.model_copy(update={"path": base}))
    except PolicyError as error:
        raise PolicyError(f"{directory}: the adapter's base model cannot be loaded: {error}") from None
    policy.adapter = lora.load(policy.model, directory)
    return policy


def _whole(config: ModelConfig) -> LocalPolicy:
    """A checkpoint with all its weights."""
    return LocalPolicy.load(
        resolve(config.path),
        precision=config.precision,
        device=config.device,
        trust_remote_code=config.trust_remote_code,
        keep_thinking=config.keep_thinking,
    )
