"""Losses per token. A loss is minimised: its gradient is the negative of the policy gradient."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from secondthought.rl.kl import MAX_LOG_RATIO


class Surrogate(NamedTuple):
    """The clipped surrogate and what it did to each token."""

    loss: Float[Tensor, "*B"]
    ratio: Float[Tensor, "*B"]
    clipped_low: Bool[Tensor, "*B"]
    clipped_high: Bool[Tensor, "*B"]


def clipped_surrogate(
    logprobs: Float[Tensor, "*B"],
    old_logprobs: Float[Tensor, "*B"],
    advantages: Float[Tensor, "*B"],
    *,
    clip_low: float,
    clip_high: float,
) -> Surrogate:
    """-min(ratio * A, clip(ratio, 1 - clip_low, 1 + clip_high) * A) per token; ratio = exp(logprobs - old_logprobs).

    PPO (Schulman et al. 2017), equation 7; unequal bounds after DAPO (Yu et al. 2025). Where logprobs equal
    old_logprobs its gradient is REINFORCE's, -A * grad logprobs.

    >>> half, zero, one = torch.tensor([0.5]), torch.tensor([0.0]), torch.tensor([1.0])
    >>> s = clipped_surrogate(half, zero, one, clip_low=0.2, clip_high=0.2)
    >>> round(s.loss.item(), 4), s.clipped_high.item()
    (-1.2, True)
    """
    ratio = (logprobs - old_logprobs).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).exp()
    bounded = ratio.clamp(1.0 - clip_low, 1.0 + clip_high)
    loss = -torch.minimum(ratio * advantages, bounded * advantages)
    return Surrogate(
        loss=loss,
        ratio=ratio,
        clipped_low=(ratio < 1.0 - clip_low) & (advantages < 0),
        clipped_high=(ratio > 1.0 + clip_high) & (advantages > 0),
    )
