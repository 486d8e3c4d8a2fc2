"""Tokens are drawn from logits: the distribution inverted at a number that is hashed from row and position."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from secondthought.errors import PolicyError
from secondthought.inference.uniforms import uniforms

VOCABULARY_ROWS = 64
"""Rows whose float64 cumulative distributions exist at once; bounds memory for vocabularies of 150,000 tokens."""


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
    log_p = (logits.float() / (temperature or 1.0)).log_softmax(-1)
    if temperature == 0.0:
        tokens = log_p.argmax(-1)
    else:
        u = np.empty(len(keys))
        key_array, at = np.array(keys, dtype=np.uint64), np.array(positions)
        for position in np.unique(at):
            u[at == position] = uniforms(key_array[at == position], int(position))
        points = torch.from_numpy(u).to(logits.device)[:, None]
        parts = []
        for start in range(0, len(keys), VOCABULARY_ROWS):
            cumulative = log_p[start : start + VOCABULARY_ROWS].double().exp().cumsum(-1)
            goal = points[start : start + VOCABULARY_ROWS] * cumulative[:, -1:]
            parts.append(torch.searchsorted(cumulative, goal, right=True).squeeze(-1))
        tokens = torch.cat(parts).clamp_max(logits.shape[-1] - 1)
    chosen = log_p.gather(-1, tokens.unsqueeze(-1)).squeeze(-1).tolist()
    if not math.isfinite(sum(chosen)):
        first = next(row for row, value in enumerate(chosen) if not math.isfinite(value))
        raise NotFinite(f"token {positions[first] + 1} of a completion has no finite log-probability")
    return tokens.tolist(), chosen
