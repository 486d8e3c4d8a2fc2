"""KL(policy, reference) is estimated from samples of the policy, per token (Schulman 2020, "Approximating KL")."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

MAX_LOG_RATIO = 20.0
"""|log ratio| is clamped here before exp: e^20 is finite in fp32, and beyond it the penalty has said enough."""


def kl_k1(logprobs: Float[Tensor, "*B"], ref_logprobs: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """Return k1 = log p - log q: unbiased, can be negative; to be read, not for a loss (its gradient has mean zero).

    >>> import torch
    >>> kl_k1(torch.tensor([-1.0]), torch.tensor([-2.0])).tolist()
    [1.0]
    """
    return logprobs - ref_logprobs


def kl_k3(logprobs: Float[Tensor, "*B"], ref_logprobs: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """Return q/p - log(q/p) - 1 with p the policy and q the reference: unbiased on samples of p, never negative.

    DeepSeekMath (Shao et al. 2024), equation 4.

    >>> import torch
    >>> [round(x, 4) for x in kl_k3(torch.tensor([-1.0, -2.0]), torch.tensor([-2.0, -2.0])).tolist()]
    [0.3679, 0.0]
    """
    log_ratio = (ref_logprobs - logprobs).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)
    return log_ratio.exp() - log_ratio - 1.0


def kl_exact(logits: Float[Tensor, "*B V"], ref_logits: Float[Tensor, "*B V"]) -> Float[Tensor, "*B"]:
    """Compute the KL divergence itself, over the whole vocabulary.

    >>> import torch
    >>> round(kl_exact(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 0.0]])).item(), 6)
    0.0
    """
    log_p, log_q = logits.log_softmax(-1), ref_logits.log_softmax(-1)
    return (log_p.exp() * (log_p - log_q)).sum(-1)
