"""Advantages are computed from rewards. A positive one means: make it more likely."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

FLAT_TOLERANCE = 1e-12
"""Numbers that differ by less than this share of the largest are equal: float64 rounds means far below it."""
WHITENING_FLOOR = 1e-8
"""Added to the variance that advantages are divided by: equal ones become zero instead of rounding noise blown up."""


def is_flat(values: Float[Tensor, "*P G"]) -> Bool[Tensor, "*P 1"]:
    """Tell whether all values of a group are equal, up to rounding at their own size.

    >>> is_flat(torch.tensor([[2e4, 2e4 + 1e-9], [0.0, 1e-9]], dtype=torch.float64)).tolist()
    [[True], [False]]
    """
    tolerance = max(FLAT_TOLERANCE, 2 * torch.finfo(values.dtype).eps)
    spread = values.amax(-1, keepdim=True) - values.amin(-1, keepdim=True)
    return spread <= tolerance * values.abs().amax(-1, keepdim=True)


def group_relative(rewards: Float[Tensor, "*P G"], *, scale: bool = False) -> Float[Tensor, "*P G"]:
    """Subtract from each reward the mean of its group; with `scale`, divide by the group's deviation.

    A = r - mean(r)             (Dr. GRPO, Liu et al. 2025)
    A = (r - mean(r)) / std(r)  (GRPO, Shao et al. 2024); std over the group, no Bessel correction (ours).

    A group whose rewards are all equal gets exactly zero, with or without `scale`.

    >>> group_relative(torch.tensor([[0.0, 1.0, 0.0, 1.0]])).tolist()
    [[-0.5, 0.5, -0.5, 0.5]]
    >>> group_relative(torch.tensor([0.1, 0.1, 0.1]), scale=True).tolist()
    [0.0, 0.0, 0.0]
    """
    flat = is_flat(rewards)
    centred = rewards - rewards.mean(-1, keepdim=True)
    if scale:
        deviation = centred.pow(2).mean(-1, keepdim=True).sqrt()
        centred = centred / torch.where(flat, torch.ones_like(deviation), deviation)
    return centred.masked_fill(flat, 0.0)


def leave_one_out(rewards: Float[Tensor, "*P G"]) -> Float[Tensor, "*P G"]:
    """Subtract from each reward the mean of the *other* rewards of its group: an unbiased baseline.

    A_i = r_i - 1/(G-1) sum_{j != i} r_j = G/(G-1) (r_i - mean(r))   (RLOO, Kool et al. 2019; Ahmadian et al. 2024)

    A group whose rewards are all equal gets exactly zero. A group of one has no others: NaN.

    >>> leave_one_out(torch.tensor([[0.0, 1.0, 1.0, 0.0, 0.5]], dtype=torch.float64)).tolist()
    [[-0.625, 0.625, 0.625, -0.625, 0.0]]
    """
    size = rewards.shape[-1]
    if size == 1:
        return torch.full_like(rewards, torch.nan)
    return group_relative(rewards) * (size / (size - 1))


def whiten(values: Float[Tensor, "*B"], mask: Bool[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """Subtract the mean and divide by the standard deviation, both over the entries under the mask; zero elsewhere.

    PPO implementations whiten advantages this way (Huang et al. 2022, "The 37 implementation details of PPO",
    detail 7); with Bessel's correction and `WHITENING_FLOOR` in the square root, as veRL. Entries that are all
    equal get exactly zero, and so does one alone.

    >>> whiten(torch.tensor([1.0, 2.0, 3.0, 9.0]), torch.tensor([True, True, True, False])).tolist()
    [-1.0, 0.0, 1.0, 0.0]
    """
    chosen = values[mask]
    if chosen.numel() == 0:
        return torch.zeros_like(values)
    if is_flat(chosen):
        return torch.zeros_like(values)
    centred = (values - chosen.mean()).masked_fill(~mask, 0.0)
    return centred * (chosen.var() + WHITENING_FLOOR).rsqrt()


def positive_part(advantages: Float[Tensor, "*P G"]) -> Float[Tensor, "*P G"]:
    """Set negative advantages to zero: failures are not pushed down, only successes up.

    This is the reading of the second paper's prose ("a failed retry is not rewarded"); with centred advantages, the
    reading of its equations, a failed retry in a mixed group counts against its reflection.

    >>> positive_part(torch.tensor([-0.5, 0.5])).tolist()
    [0.0, 0.5]
    """
    return advantages.clamp_min(0.0)
