"""Gradient checkpointing keeps each layer's input for the update and computes the rest again in the backward.

Dropout must be off: a layer that is computed twice would drop other entries the second time. `transformers` switches
checkpointing on for models in training mode only, so the model is in that mode within the context, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from torch import nn
from transformers import PreTrainedModel

from secondthought.errors import ConfigError
from secondthought.models.tree_attention import tree_attention


@contextmanager
def gradient_checkpointing(model: PreTrainedModel, *, enabled: bool, trees: bool) -> Iterator[None]:
    """Let forwards of `model` in the block keep layer inputs alone, and their backwards compute the layers again.

    Args:
        model: in evaluation mode, as it is again afterwards.
        enabled: False makes this a context that does nothing.
        trees: forwards are given `tree=`, so the backward, which repeats them, must attend through trees as well.

    Raises:
        ConfigError: the model has dropout, or it does not support checkpointing.
    """
    if not enabled:
        yield
        return
    if not model.supports_gradient_checkpointing:
        raise ConfigError(f"train.gradient_checkpointing: {type(model).__name__} does not support it")
    dropout = dropout_of(model)
    if dropout:
        raise ConfigError(
            f"train.gradient_checkpointing: this model has dropout ({dropout}), which is off in sampling but would be "
            "on in layers that are computed again; set it to 0 in the checkpoint's config.json"
        )
    with ExitStack() as stack:
        if trees:
            stack.enter_context(tree_attention(model))
        stack.callback(model.eval)
        stack.callback(_switch(model, "disable"))
        _switch(model, "enable")({"use_reentrant": False})
        model.train()
        yield


def _switch(model: PreTrainedModel, what: str) -> Callable[..., None]:
    """Return the model's method, which transformers renamed within its version 5."""
    for name in ("activation", "gradient"):
        method: Callable[..., None] | None = getattr(model, f"{name}_checkpointing_{what}", None)
        if method is not None:
            return method
    raise ConfigError("train.gradient_checkpointing: this version of transformers has no such switch")


def dropout_of(model: PreTrainedModel) -> str | None:
    """Name the first setting or module of the model that drops something; None if nothing does."""
    settings = model.config.get_text_config().to_dict()
    named = [f"{key} = {settings[key]}" for key in settings if ("dropout" in key or "pdrop" in key) and settings[key]]
    modules = [f"{name}.p = {m.p}" for name, m in model.named_modules() if isinstance(m, nn.Dropout) and m.p > 0]
    return next(iter([*named, *modules]), None)
