"""Scores of tokens are their log-probabilities and the entropy before them; a large vocabulary is scored in slices.

Of M tokens and V words, logits are M x V numbers, and their softmax and gradient as many again: gigabytes at V =
150,000. A token's score depends on its own row alone, so in slices no more than `SLICE` numbers of a kind are alive:

- where the head is frozen (LoRA), each row's derivative with respect to its hidden state, E numbers, is taken while its
  logits are there; the backward multiplies it by the gradient of the score, and no logits are made twice;
- where the head learns, a slice is computed again in the backward, which also gives the weight's gradient.

Within a slice, a processor scores a few rows at a time (`BLOCK`): what is computed on the way stays in its cache.

With log p = log softmax(x / t), p = exp(log p) and H = -sum p log p:

    d log p_c / dx = (1[c] - p) / t        dH / dx = -p (log p + H) / t
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from secondthought.models.output_head import OutputHead
from secondthought.rl.logprobs import entropy, tempered, token_logprobs

SLICE = 2**25
"""Logits alive at once, 128 MiB in fp32; fewer are never sliced, so that small models compute as they always did."""

BLOCK = 2**18
"""Logits that a processor computes with at once, 1 MiB in fp32; the caches of a core hold some of that size."""

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
    score = _read if not torch.is_grad_enabled() else _learning if head.learns else _frozen
    size = max(1, SLICE // vocab)
    rows = [slice(start, start + size) for start in range(0, len(hidden), size)]
    parts = [score(head, hidden[some], wanted.part(some)) for some in rows]
    logprobs, spread = (torch.cat(column) for column in zip(*parts, strict=True))
    return TokenScores(logprobs, spread[wanted.learns] if wanted.spread != "unread" else spread)


def _read(head: OutputHead, hidden: Float[Tensor, "M E"], wanted: Scoring) -> tuple[Tensor, Tensor]:
    logprobs, spread = _by_blocks(head(hidden), wanted, slopes=False)
    return logprobs, spread


def _learning(head: OutputHead, hidden: Float[Tensor, "M E"], wanted: Scoring) -> tuple[Tensor, Tensor]:
    def of_states(states: Tensor) -> Any:
        return _Learning.apply(head(states), wanted)  # type: ignore[no-untyped-call]

    logprobs, spread = checkpoint(of_states, hidden, use_reentrant=False)
    return logprobs, spread


def _frozen(head: OutputHead, hidden: Float[Tensor, "M E"], wanted: Scoring) -> tuple[Tensor, Tensor]:
    logprobs, spread = _Frozen.apply(hidden, head, wanted)  # type: ignore[no-untyped-call]
    return logprobs, spread


class _Learning(torch.autograd.Function):
    """`_Learning` scores rows, and computes in the backward what their scores change by with each logit."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, wanted: Scoring) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(logits)
        ctx.wanted = wanted
        logprobs, spread = _by_blocks(logits, wanted, slopes=False)
        if wanted.spread != "learns":
            ctx.mark_non_differentiable(spread)
        return logprobs, spread

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (logits,), wanted = ctx.saved_tensors, ctx.wanted
        found = torch.empty_like(logits)
        for rows in _blocks(logits):
            _logprobs, _spread, *slopes = _scored(logits[rows], wanted.part(rows), slopes=True)
            found[rows] = sum(slope.mul_(grad[rows].unsqueeze(-1)) for grad, slope in zip(grads, slopes, strict=False))
        return found, None


class _Frozen(torch.autograd.Function):
    """`_Frozen` scores rows and keeps what their scores change by with the hidden state, in place of any logits."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: OutputHead, wanted: Scoring) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            states = hidden.detach().requires_grad_()
            logits = head(states)
        logprobs, spread, *slopes = _by_blocks(logits.detach(), wanted, slopes=True)
        each = [torch.autograd.grad(logits, states, slope, retain_graph=slope is not slopes[-1])[0] for slope in slopes]
        ctx.save_for_backward(*each)
        if wanted.spread != "learns":
            ctx.mark_non_differentiable(spread)
        return logprobs, spread

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        each = ctx.saved_tensors
        found = sum(grad.unsqueeze(-1) * slope for grad, slope in zip(grads, each, strict=False))
        return found.to(each[0].dtype), None, None


def _by_blocks(logits: Float[Tensor, "M V"], wanted: Scoring, *, slopes: bool) -> Iterator[Tensor]:
    """Give what `_scored` does for all rows, computed a block at a time; slopes are in the type of the logits."""
    blocks = []
    for rows in _blocks(logits):
        logprobs, spread, *found = _scored(logits[rows], wanted.part(rows), slopes=slopes)
        blocks.append([logprobs, spread, *(slope.to(logits.dtype) for slope in found)])
    return (torch.cat(column) for column in zip(*blocks, strict=True))


def _blocks(logits: Float[Tensor, "M V"]) -> Iterator[slice]:
    """Yield the rows of each block; an accelerator takes all at once."""
    size = max(1, BLOCK // logits.shape[-1]) if logits.device.type == "cpu" else len(logits)
    for start in range(0, len(logits), size):
        yield slice(start, start + size)


def _scored(logits: Float[Tensor, "M V"], wanted: Scoring, *, slopes: bool) -> list[Tensor]:
    """Return log-probabilities and entropies, and with `slopes` what each of them changes by with a logit.

    What is not wanted of the entropy is not there: its numbers are an empty tensor, its slope is left out.
    """
    token_ids, t = wanted.token_ids.unsqueeze(-1), wanted.temperature
    log_p = tempered(logits, t).log_softmax(-1)
    found = [log_p.gather(-1, token_ids).squeeze(-1), log_p.new_empty(0)]
    if not slopes and wanted.spread == "unread":
        return found
    p = log_p.exp()
    if wanted.spread != "unread":
        # 0 log 0 = 0; as one product, `vecdot`, autocast would make it coarse.
        found[1] = -(p * log_p.clamp_min_(torch.finfo(log_p.dtype).min)).sum(-1)
    if not slopes:
        return found
    slope_of_entropy = [log_p.add_(found[1].unsqueeze(-1)).mul_(p).div_(-t)] if wanted.spread == "learns" else []
    slope = p.neg_().scatter_add_(-1, token_ids, p.new_ones(len(p), 1))
    return [*found, slope if t == 1.0 else slope.div_(t), *slope_of_entropy]
