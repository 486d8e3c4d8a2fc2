"""Numbers that are not finite: which weights hold some, and what else makes a model say them."""

from __future__ import annotations

import torch
from torch import nn

SHOWN = 3
"""Names of weights in a sentence."""


def damaged_weights(model: nn.Module) -> list[str]:
    """Name the weights that hold a NaN or an infinity."""
    return [
        name
        for name, value in model.named_parameters()
        if value.is_floating_point() and not bool(torch.isfinite(value.detach()).all())
    ]


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
        f"NaN or infinity stands in {', '.join(found[:SHOWN])}{more}: take an earlier checkpoint, or get the model's "
        "files anew"
    )
