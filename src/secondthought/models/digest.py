"""A digest of all of a model's weights, as they are loaded: what it was loaded from may change under its name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel


def digest_of_weights(model: PreTrainedModel) -> str:
    """Return a digest of every parameter and buffer by name, kind and value, and of the architecture's settings.

    An adapter that adds nothing yet is left out: its first matrices are drawn anew by each seed. Of a model whose
    weights are shared out among processes it is that of this process's part.
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{type(model).__qualname__}:{model.config.to_json_string()}".encode())
    weights = {name: _own(value) for name, value in (*model.named_parameters(), *model.named_buffers())}
    for name, value in weights.items():
        if _adds_nothing(name, weights):
            continue
        digest.update(f"{name}:{value.dtype}:{tuple(value.shape)}:".encode())
        if value.numel():
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


_BITS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
PROBED = 64
"""Numbers of each weight that `sum_of_weights` hashes as they are; all are in the sum."""


def sum_of_weights(model: PreTrainedModel) -> str:
    """Return a digest of the parameters alone, whatever library wrote their config, at the speed of memory.

    It holds names, shapes, the sum of each weight's bits as whole numbers, and some of its numbers in their places: any
    one number that changes changes the sum. Numbers in bf16 count as the ones in fp32 that they are.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name, parameter in model.named_parameters():
        flat = parameter.detach().flatten()
        dtype, unit = (torch.float32, 1 << 16) if flat.dtype == torch.bfloat16 else (flat.dtype, 1)
        digest.update(f"{name}:{tuple(parameter.shape)}:{dtype}:".encode())
        if flat.numel():
            bits = flat.view(_BITS[flat.element_size()])
            at = torch.linspace(0, flat.numel() - 1, min(PROBED, flat.numel()), dtype=torch.float64).long()
            total = unit * int(bits.sum(dtype=torch.int64))
            probed = [unit * value for value in bits[at.to(bits.device)].tolist()]
            digest.update(f"{total}:{probed}".encode())
    return digest.hexdigest()


def _own(value: Tensor) -> Tensor:
    part: Tensor = value.to_local() if isinstance(value, DTensor) else value
    return part


def _adds_nothing(name: str, weights: Mapping[str, Tensor]) -> bool:
    """Tell whether a matrix belongs to an adapter whose product is zero."""
    second = weights.get(name.replace(".lora_A.", ".lora_B."))
    return ".lora_" in name and second is not None and not bool(second.any())
