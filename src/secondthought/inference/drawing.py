"""Tokens are drawn from logits: the distribution inverted at a number that is hashed from row and position.

The cumulative distribution of a row is, in float64, the sum of the blocks of `BLOCK` tokens before and the sum in order
inside a block. A row's token is the first whose cumulative value lies above its goal, u times the whole. So only block
sums are made for all tokens, and one block of each row is gone through. Where rounding lets the two sums of a block
differ, its last token that has a probability takes the gap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, Int
from torch import Tensor

from secondthought.errors import PolicyError
from secondthought.inference.uniforms import uniforms

BLOCK = 512
"""Tokens of a block."""
VOCABULARY_ROWS = 8
"""Rows whose float64 distributions exist at once: few, so that they are still in a cache when they are summed."""


class NotFinite(PolicyError):
    """A token has no finite log-probability, so whatever is drawn says nothing of the model."""


class Choose(Protocol):
    """Chooses a token for each row, as `draw` does."""

    def __call__(
        self, logits: Float[Tensor, "N V"], keys: Sequence[int], positions: Sequence[int], temperature: float
    ) -> tuple[list[int], list[float]]:
        """Return a token and its log-probability for each row, which its key names."""
        ...


def draw(
    logits: Float[Tensor, "N V"], keys: Sequence[int], positions: Sequence[int], temperature: float
) -> tuple[list[int], list[float]]:
    """Draw one token per row, with its log-probability. Temperature 0 takes the likeliest (the first, if several).

    Raises:
        NotFinite: a row's log-probabilities are NaN.
    """
    wide = logits.float()
    log_p = (wide if temperature in {0.0, 1.0} else wide / temperature).log_softmax(-1)
    if temperature == 0.0:
        tokens = log_p.argmax(-1)
    else:
        points = torch.from_numpy(_uniforms(keys, positions)).to(logits.device)[:, None]
        pairs = zip(torch.split(log_p, VOCABULARY_ROWS), torch.split(points, VOCABULARY_ROWS), strict=True)
        tokens = torch.cat([inverted(part.double().exp_(), point) for part, point in pairs])
    chosen = log_p.gather(-1, tokens.unsqueeze(-1)).squeeze(-1).tolist()
    if not math.isfinite(sum(chosen)):
        first = next(row for row, value in enumerate(chosen) if not math.isfinite(value))
        raise NotFinite(f"token {positions[first] + 1} of a completion has no finite log-probability")
    return tokens.tolist(), chosen


def inverted(p: Float[Tensor, "N V"], points: Float[Tensor, "N 1"]) -> Int[Tensor, " N"]:
    """Return the token of each row at which its cumulative distribution passes a point in (0, 1).

    >>> p = torch.tensor([[0.25, 0.0, 0.25, 0.5]], dtype=torch.float64)
    >>> [int(inverted(p, torch.tensor([[u]], dtype=torch.float64))) for u in (0.2, 0.25, 0.6)]
    [0, 2, 3]
    """
    size = p.shape[-1]
    whole = size - size % BLOCK
    parts = p[:, :whole].reshape(len(p), whole // BLOCK, BLOCK).sum(-1), p[:, whole:].sum(-1, keepdim=True)
    ends = torch.cat(parts, -1).cumsum(-1)
    goal = points * ends[:, -1:]
    block = torch.searchsorted(ends, goal, right=True).clamp_max(ends.shape[-1] - 1)
    before = torch.where(block > 0, ends.gather(-1, (block - 1).clamp_min(0)), 0.0)
    at = block * BLOCK + torch.arange(BLOCK, device=p.device)
    inside = torch.where(at < size, p.gather(-1, at.clamp_max(size - 1)), 0.0).cumsum(-1)
    reachable = torch.nextafter(inside[:, -1:], torch.zeros_like(goal))
    found = torch.searchsorted(inside, torch.minimum(goal - before, reachable), right=True)
    return (block * BLOCK + found).squeeze(-1).clamp_max(size - 1)


def _uniforms(keys: Sequence[int], positions: Sequence[int]) -> npt.NDArray[np.float64]:
    """Return the number in (0, 1) of each row's key at its position."""
    u = np.empty(len(keys))
    key_array, at = np.array(keys, dtype=np.uint64), np.array(positions)
    for position in np.unique(at):
        u[at == position] = uniforms(key_array[at == position], int(position))
    return u
