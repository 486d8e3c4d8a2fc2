"""Losses are computed per token. A loss is minimised: its gradient is the negative of the policy gradient."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from secondthought.rl.kl import MAX_LOG_RATIO


class Surrogate(NamedTuple):
    """A `Surrogate` is the clipped surrogate and what it did to each token."""

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
    """Compute the clipped surrogate loss per token.

    -min(ratio * A, clip(ratio, 1 - clip_low, 1 + clip_high) * A) with ratio = exp(logprobs - old_logprobs)

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


def reinforce(logprobs: Float[Tensor, "*B"], advantages: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """Compute -A * log p per token: right only for tokens that the policy sampled as it is now (Williams 1992).

    >>> reinforce(torch.tensor([-2.0]), torch.tensor([0.5])).tolist()
    [1.0]
    """
    return -advantages * logprobs


class ValueLoss(NamedTuple):
    """A `ValueLoss` is the critic's loss and where clipping stopped it."""

    loss: Float[Tensor, "*B"]
    clipped: Bool[Tensor, "*B"]


def clipped_value_loss(
    values: Float[Tensor, "*B"], old_values: Float[Tensor, "*B"], returns: Float[Tensor, "*B"], *, clip: float
) -> ValueLoss:
    """Compute 0.5 max((V - R)^2, (clip(V, V_old - c, V_old + c) - R)^2) per token.

    PPO2's value clipping (Huang et al. 2022, "The 37 implementation details of PPO", detail 9), as veRL has it: a value
    that has moved further than c towards its return stops learning until the next step.

    >>> old, target = torch.tensor([0.0]), torch.tensor([1.0])
    >>> found = clipped_value_loss(torch.tensor([0.9]), old, target, clip=0.5)
    >>> found.loss.tolist(), found.clipped.tolist()
    ([0.125], [True])
    """
    bounded = torch.clamp(values, old_values - clip, old_values + clip)
    free, held = (values - returns).square(), (bounded - returns).square()
    return ValueLoss(loss=0.5 * torch.maximum(free, held), clipped=held > free)
