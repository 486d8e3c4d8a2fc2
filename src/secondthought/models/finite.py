"""Numbers that are not finite: which weights hold some, and what else makes a model say them."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

SHOWN = 3
"""Names of weights in a sentence."""
MOST = 1e18
"""Weights from here on count as infinite: squares of what they make overflow in fp32; norms turn that into zeros."""


def are_sound(tensors: Iterable[Tensor]) -> bool:
    """Return whether all numbers are finite, and small enough to compute with; one answer comes from the device."""
    largest = [tensor.detach().abs().amax().float() for tensor in tensors if tensor.numel()]
    return not largest or bool((torch.stack(largest) < MOST).all())  # False for NaN


def damaged_weights(model: nn.Module) -> list[str]:
    """Name the weights that hold a NaN, an infinity or numbers as good as that."""
    return [name for name, value in model.named_parameters() if not are_sound([value])]


def why_not_finite(model: nn.Module) -> str:
    """Say what makes a model's log-probabilities no finite numbers, and what helps."""
    found = damaged_weights(model)
    if not found:
        return (
            "its weights are finite, so they grew too large or its activations overflow: go on from an earlier "
            "checkpoint with a lower learning rate, or use model.precision = 'fp32'"
        )
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return (
        f"NaN, infinity or a number as large stands in {', '.join(found[:SHOWN])}{more}: take an earlier checkpoint, "
        "or get the model's files anew"
    )
