"""A model from its config: the one place where names become checkpoints, and adapters find their base model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from secondthought.config import ModelConfig
from secondthought.errors import ConfigError, PolicyError
from secondthought.models import lora
from secondthought.models.gguf.cache import ordinary
from secondthought.models.local import LocalModel
from secondthought.models.shipped import resolve, shipped
from secondthought.progress import SILENT, Onlooker

ModelT = TypeVar("ModelT", bound=LocalModel)


def load_model(config: ModelConfig, kind: type[ModelT], *, learns: bool = True, onlooker: Onlooker = SILENT) -> ModelT:
    """Load the causal LM that a config names, called as the config calls it.

    The directory of an adapter gives its base model with that adapter in it; training goes on with the adapter.

    Args:
        config: path, precision, device, adapter.
        kind: `LocalModel`, or one that can do more.
        learns: whether it will be trained; of a model with an adapter, only that is.
        onlooker: told how far a GGUF file is de-quantized.

    Raises:
        ConfigError: an adapter is asked for where there is one already, or without the package that it needs.
        PolicyError: there is no such model, or it cannot be used.
    """
    directory = Path(config.path).expanduser()
    model = (
        _with_saved_adapter(config, directory, kind, onlooker)
        if is_adapter(directory)
        else _whole(config, kind, onlooker, frozen=bool(config.lora.rank) or not learns)
    )
    if config.lora.rank and model.adapter is None:
        model.adapter = lora.add(model.model, config.lora, base=base_name(config.path))
    model.name = config.path
    return model


def chat_settings(config: ModelConfig) -> dict[str, Any]:
    """Return what a config says of conversations, as `Chat` and models take it."""
    return {
        "keep_thinking": config.keep_thinking,
        "date": config.date,
        "template_options": config.template_options,
    }


def is_adapter(directory: Path) -> bool:
    """Return whether an adapter was saved there, by us or by `peft`."""
    return (directory / lora.CONFIG).is_file()


def base_name(path: str) -> str:
    """Return how an adapter names its base: a shipped model or a hub id as called, what is here by its whole path.

    >>> base_name("somebody/some-model")
    'somebody/some-model'
    """
    where = Path(resolve(path)).expanduser()
    return str(where.resolve()) if where.exists() and where != shipped(path) else path


def base_checkpoint(path: str) -> str:
    """Return what another program loads as the base of the model that a path names: a directory, or a hub id.

    Raises:
        ConfigError: a package that is needed to read it is missing.
        PolicyError: it cannot be read.
    """
    directory = Path(path).expanduser()
    return str(ordinary(resolve(lora.base_of(directory) if is_adapter(directory) else path)))


def _with_saved_adapter(config: ModelConfig, directory: Path, kind: type[ModelT], onlooker: Onlooker) -> ModelT:
    if config.lora.rank:
        raise ConfigError(
            f"model.lora: {config.path} is an adapter already; leave model.lora out to go on training it, or make it "
            "part of its base with `secondthought merge` first"
        )
    base = lora.base_of(directory)
    if is_adapter(Path(base).expanduser()):
        raise PolicyError(f"{directory}: its base model {base} is an adapter itself; merge that one first")
    try:
        model = _whole(config.model_copy(update={"path": base}), kind, onlooker, frozen=True)
    except PolicyError as error:
        raise PolicyError(f"{directory}: the adapter's base model cannot be loaded: {error}") from None
    model.adapter = lora.load(model.model, directory)
    return model


def _whole(config: ModelConfig, kind: type[ModelT], onlooker: Onlooker, *, frozen: bool) -> ModelT:
    """Load a checkpoint with all its weights; a GGUF file is made one before, in the onlooker's sight."""
    ordinary(config.path, onlooker)
    return kind.load(
        resolve(config.path),
        precision=config.precision,
        device=config.device,
        trust_remote_code=config.trust_remote_code,
        chat_template=config.chat_template,
        frozen=frozen,
        **chat_settings(config),
    )
