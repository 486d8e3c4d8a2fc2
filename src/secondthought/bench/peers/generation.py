"""Prompts and settings for `transformers` generate, in our own process and inside a peer's rollout.

Peers' scripts import this module in their own interpreters, so it needs torch and `transformers` alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import GenerationConfig


def left_padded(prompts: Sequence[Sequence[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the prompts as one block of ids, padded on the left with `pad`, and its attention mask."""
    longest = max(map(len, prompts))
    ids = torch.tensor([[pad] * (longest - len(row)) + list(row) for row in prompts])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in prompts])
    return ids, mask


def unfiltered(
    max_tokens: int, pad: int, *, temperature: float = 1.0, end: int | Sequence[int] | None = None
) -> GenerationConfig:
    """Build settings that sample from the whole distribution, no top-k and no top-p, up to one of the `end` tokens."""
    return GenerationConfig(
        do_sample=True,
        temperature=temperature,
        top_k=0,
        top_p=1.0,
        max_new_tokens=max_tokens,
        eos_token_id=end,
        pad_token_id=pad,
    )
