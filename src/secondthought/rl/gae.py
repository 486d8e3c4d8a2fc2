"""Generalized advantage estimation turns rewards per token and a critic's values into advantages and returns."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor


class Estimate(NamedTuple):
    """An `Estimate` is what the policy learns from, and what the critic learns; zero where the mask is False."""

    advantages: Float[Tensor, "B T"]
    returns: Float[Tensor, "B T"]


def gae(
    rewards: Float[Tensor, "B T"],
    values: Float[Tensor, "B T"],
    mask: Bool[Tensor, "B T"],
    *,
    gamma: float,
    gae_lambda: float,
) -> Estimate:
    """Estimate advantages and returns, token by token.

    A_t = sum_k (gamma lambda)^k delta_{t+k} with delta_t = r_t + gamma V_{t+1} - V_t; the return is A_t + V_t.

    Schulman et al. 2016, "High-dimensional continuous control using generalized advantage estimation", equations 11
    and 16. A row is one sampled completion, right-padded: `mask` is True at its tokens, from the first on. V_t is the
    value before token t, and after the last token it is zero: the episode has ended, also where it was cut off.

    With gamma = lambda = 1 an advantage is the sum of rewards from here on, minus the value.

    >>> one = torch.ones(1, 2)
    >>> found = gae(torch.tensor([[0.0, 1.0]]), 0.25 * one, one.bool(), gamma=1.0, gae_lambda=1.0)
    >>> found.advantages.tolist(), found.returns.tolist()
    ([[0.75, 0.75]], [[1.0, 1.0]])
    """
    rewards, values = rewards.masked_fill(~mask, 0.0), values.masked_fill(~mask, 0.0)
    advantages = torch.zeros_like(values)
    after, next_value = torch.zeros_like(values[:, 0]), torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1])):
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        after = (delta + gamma * gae_lambda * after) * mask[:, t]
        advantages[:, t], next_value = after, values[:, t]
    return Estimate(advantages=advantages, returns=(advantages + values).masked_fill(~mask, 0.0))
