"""From rewards to advantages. Positive means: make it more likely."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

FLAT_TOLERANCE = 1e-12
"""Rewards of a group that differ by less are equal: a mean of k binary rewards is exact far below it in float64."""


def group_relative(rewards: Float[Tensor, "*P G"], *, scale: bool = False) -> Float[Tensor, "*P G"]:
    """Reward minus the mean of its group; with `scale`, divided by the group's deviation.

    A = r - mean(r)             (Dr. GRPO, Liu et al. 2025)
    A = (r - mean(r)) / std(r)  (GRPO, Shao et al. 2024); std over the group, no Bessel correction (ours).

    A group whose rewards are all equal gets exactly zero, with or without `scale`.

    >>> group_relative(torch.tensor([[0.0, 1.0, 0.0, 1.0]])).tolist()
    [[-0.5, 0.5, -0.5, 0.5]]
    >>> group_relative(torch.tensor([0.1, 0.1, 0.1]), scale=True).tolist()
    [0.0, 0.0, 0.0]
    """
    flat = rewards.amax(-1, keepdim=True) - rewards.amin(-1, keepdim=True) <= FLAT_TOLERANCE
    centred = rewards - rewards.mean(-1, keepdim=True)
    if scale:
        deviation = centred.pow(2).mean(-1, keepdim=True).sqrt()
        centred = centred / torch.where(flat, torch.ones_like(deviation), deviation)
    return centred.masked_fill(flat, 0.0)


def positive_part(advantages: Float[Tensor, "*P G"]) -> Float[Tensor, "*P G"]:
    """Negative advantages become zero: failures are not pushed down, only successes up.

    It is the reading of the second paper's prose ("a failed retry is not rewarded"); with centred advantages, the
    reading of its equations, a failed retry in a mixed group counts against its reflection.

    >>> positive_part(torch.tensor([-0.5, 0.5])).tolist()
    [0.0, 0.5]
    """
    return advantages.clamp_min(0.0)
