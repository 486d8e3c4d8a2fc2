"""How positions are rotated: the base, and what stretches it, in the words of `transformers`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from secondthought.errors import PolicyError
from secondthought.models.gguf.header import Header
from secondthought.models.gguf.numbers import unpacked

FACTORS = "rope_freqs.weight"
"""The tensor by whose numbers a file divides the frequencies; it belongs to no layer."""
LLAMA_3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
"""What every published Llama 3.1, 3.2 and 3.3 has; a file holds only what follows from them."""
_BASE = 10_000.0


def rope_parameters(header: Header) -> dict[str, Any]:
    """Return the settings of the rotary embedding.

    Raises:
        PolicyError: the file stretches positions in a way that is not known.
    """
    base = header.setting("rope.freq_base", float, _BASE)
    kind = header.setting("rope.scaling.type", str, "none")
    if FACTORS in header.tensors:
        return {"rope_theta": base, **_as_llama_3(header, base)}
    if kind == "none":
        return {"rope_theta": base, "rope_type": "default"}
    factor = header.setting("rope.scaling.factor", float)
    original = header.setting("rope.scaling.original_context_length", int)
    if kind == "linear" and factor:
        return {"rope_theta": base, "rope_type": "linear", "factor": factor}
    if kind == "yarn" and factor and original:
        return {
            "rope_theta": base,
            "rope_type": "yarn",
            "factor": factor,
            "original_max_position_embeddings": original,
        }
    raise PolicyError(
        f"{header.path}: stretches positions by {kind!r}, and linear, yarn and Llama 3's way are read; get the model's "
        "directory of safetensors"
    )


def llama_3_factors(base: float, size: int, factor: float) -> np.ndarray:
    """Return by what each frequency is divided: 1 for short waves, the factor for long ones, between them a blend."""
    low, high, original = LLAMA_3.values()
    waves = 2 * math.pi * base ** (np.arange(0, size, 2) / size)
    blend = np.clip((original / waves - low) / (high - low), 0.0, 1.0)
    found: np.ndarray = 1 / ((1 - blend) / factor + blend)
    return found


def _as_llama_3(header: Header, base: float) -> dict[str, Any]:
    """Return the settings from which the file's factors follow, checked against every one of them."""
    held = unpacked(header, header.tensors[FACTORS]).float().numpy()
    factor = float(held.max())
    if not np.allclose(held, llama_3_factors(base, 2 * len(held), factor), rtol=1e-3):
        raise PolicyError(
            f"{header.path}: {FACTORS} stretches positions in a way that is not Llama 3's; get the model's directory"
            " of safetensors"
        )
    return {"rope_type": "llama3", "factor": factor, **LLAMA_3}
