"""Scores of tokens are their log-probabilities and the entropy before them; a large vocabulary is scored in slices.

Of M tokens and V words, logits are M x V numbers, and their softmax and gradient as many again: gigabytes at V =
150,000. A token's score depends on its own row alone, so in slices no more than `SLICE` numbers of a kind are alive:

- where the head is frozen (LoRA), each row's derivative with respect to its hidden state, E numbers, is taken while its
  logits are there; the backward multiplies it by the gradient of the score, and no logits are made twice;
- where the head learns, a slice is computed again in the backward, which also gives the weight's gradient.

With log p = log softmax(x / t), p = exp(log p) and H = -sum p log p:

    d log p_c / dx = (1[c] - p) / t        dH / dx = -p (log p + H) / t
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from secondthought.models.output_head import OutputHead
from secondthought.rl.logprobs import entropy, token_logprobs, widened

SLICE = 2**25
"""Logits alive at once, 128 MiB in fp32; fewer are never sliced, so that small models compute as they always did."""

Spread: TypeAlias = Literal["unread", "read", "learns"]
"""What is wanted of the entropy: nothing, its value, its gradient too."""


class TokenScores(NamedTuple):
    """`TokenScores` are log-probabilities of M tokens, and the entropy before those that learn, L of them."""

    logprobs: Float[Tensor, " M"]
    entropy: Float[Tensor, " L"]


class Scoring(NamedTuple):
    """A `Scoring` says which tokens are scored and how: their ids, which learn, the temperature, what of entropy."""

    token_ids: Int[Tensor, " M"]
    learns: Bool[Tensor, " M"]
    temperature: float = 1.0
    spread: Spread = "unread"

    def part(self, rows: slice) -> Scoring:
        """Return the same for some of the tokens."""
        return self._replace(token_ids=self.token_ids[rows], learns=self.learns[rows])


def scores_of_logits(logits: Float[Tensor, "M V"], wanted: Scoring) -> TokenScores:
    """Score all tokens at once."""
    logprobs = token_logprobs(logits, wanted.token_ids, temperature=wanted.temperature)
    if wanted.spread == "unread":
        return TokenScores(logprobs, logprobs.new_empty(0))
    with torch.set_grad_enabled(wanted.spread == "learns" and torch.is_grad_enabled()):
        return TokenScores(logprobs, entropy(logits[wanted.learns], temperature=wanted.temperature))


def scores_of_states(head: OutputHead, hidden: Float[Tensor, "M E"], vocab: int, wanted: Scoring) -> TokenScores:
    """Score tokens from the hidden states before them, slice by slice."""
    size = max(1, SLICE // vocab)
    rows = [slice(start, start + size) for start in range(0, len(hidden), size)]
    if torch.is_grad_enabled() and not head.learns:
        parts = [_frozen(head, hidden[some], wanted.part(some)) for some in rows]
    elif torch.is_grad_enabled():
        parts = [_learning(head, hidden[some], wanted.part(some)) for some in rows]
    else:
        parts = [scores_of_logits(head(hidden[some]), wanted.part(some)) for some in rows]
    return TokenScores(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _learning(head: OutputHead, hidden: Float[Tensor, "M E"], wanted: Scoring) -> TokenScores:
    found: TokenScores = checkpoint(lambda states: scores_of_logits(head(states), wanted), hidden, use_reentrant=False)
    return found


def _frozen(head: OutputHead, hidden: Float[Tensor, "M E"], wanted: Scoring) -> TokenScores:
    logprobs, spread = _Frozen.apply(hidden, head, wanted)  # type: ignore[no-untyped-call]
    return TokenScores(logprobs, spread[wanted.learns] if wanted.spread != "unread" else spread)


class _Frozen(torch.autograd.Function):
    """`_Frozen` scores rows and keeps what their scores change by with the hidden state, in place of any logits."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: OutputHead, wanted: Scoring) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            states = hidden.detach().requires_grad_()
            logits = head(states)
        with torch.autocast(hidden.device.type, enabled=False):
            log_p = (widened(logits.detach()) / wanted.temperature).log_softmax(-1)
            logprobs = log_p.gather(-1, wanted.token_ids.unsqueeze(-1)).squeeze(-1)
            p = log_p.exp()
            spread, slopes = logprobs.new_empty(0), []
            if wanted.spread != "unread":
                spread = -torch.linalg.vecdot(p, log_p.clamp_min_(torch.finfo(log_p.dtype).min))  # 0 log 0 = 0
            if wanted.spread == "learns":
                slopes = [log_p.add_(spread.unsqueeze(-1)).mul_(p).div_(-wanted.temperature)]
            own = p.neg_().scatter_add_(-1, wanted.token_ids.unsqueeze(-1), p.new_ones(len(p), 1))
            slopes = [own.div_(wanted.temperature), *slopes]
        each = [
            torch.autograd.grad(logits, states, slope.to(logits.dtype), retain_graph=slope is not slopes[-1])[0]
            for slope in slopes
        ]
        ctx.save_for_backward(*each)
        if wanted.spread != "learns":
            ctx.mark_non_differentiable(spread)
        return logprobs, spread

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        each = ctx.saved_tensors
        found = sum(grad.unsqueeze(-1) * slope for grad, slope in zip(grads, each, strict=False))
        return found.to(each[0].dtype), None, None
