"""Logits are asked of a forward for some columns alone, where the model can leave out the others."""

from __future__ import annotations

import inspect
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedModel


def kept_logits(model: PreTrainedModel, keep: Int[Tensor, " M"] | int, **inputs: Any) -> Float[Tensor, "B M V"]:
    """Return the logits of a forward at these columns, or at the last `keep`.

    A forward that cannot leave out the others gives all: many take `**kwargs`, which would swallow the wish.
    """
    if takes(model, "logits_to_keep"):
        kept: Tensor = model(**inputs, logits_to_keep=keep).logits
        return kept
    logits: Tensor = model(**inputs).logits
    return logits[:, -keep:] if isinstance(keep, int) else logits[:, keep]


def takes(model: PreTrainedModel, argument: str) -> bool:
    """Return whether a model's forward has this argument by name."""
    if (kind := type(model)) not in _ARGUMENTS:
        _ARGUMENTS[kind] = frozenset(inspect.signature(kind.forward).parameters)
    return argument in _ARGUMENTS[kind]


_ARGUMENTS: dict[type, frozenset[str]] = {}
