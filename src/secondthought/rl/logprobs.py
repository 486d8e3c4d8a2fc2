"""Log-probabilities and entropies of tokens are computed from logits."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


def token_logprobs(
    logits: Float[Tensor, "*B V"], token_ids: Int[Tensor, "*B"], *, temperature: float = 1.0
) -> Float[Tensor, "*B"]:
    """Return the entries of log softmax(logits / temperature) at the given tokens, in fp32 or wider.

    The temperature is the one that the tokens were sampled with, so that ratios to the recorded ones are unbiased.

    >>> round(token_logprobs(torch.tensor([[0.0, 0.0]]), torch.tensor([1])).item(), 4)
    -0.6931
    """
    scaled = tempered(logits, temperature)
    chosen = scaled.gather(-1, token_ids.unsqueeze(-1)).squeeze(-1)
    return chosen - scaled.logsumexp(-1)


def entropy(logits: Float[Tensor, "*B V"], *, temperature: float = 1.0) -> Float[Tensor, "*B"]:
    """Return the entropy of softmax(logits / temperature) in nats.

    >>> round(entropy(torch.tensor([[0.0, 0.0]])).item(), 4)
    0.6931
    """
    log_p = tempered(logits, temperature).log_softmax(-1)
    return -(log_p.exp() * log_p).sum(-1)


def tempered(logits: Tensor, temperature: float) -> Tensor:
    """Divide widened logits by the temperature; at 1 they are not copied, which over a vocabulary takes as long."""
    return widened(logits) if temperature == 1.0 else widened(logits) / temperature


def widened(logits: Tensor) -> Tensor:
    """Widen to fp32: half precision is too coarse for a log-sum-exp over a vocabulary."""
    return logits if logits.dtype == torch.float64 else logits.float()
