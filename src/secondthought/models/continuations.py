"""How likely a model finds texts as continuations of others: what multiple-choice benchmarks compare.

Continuations of one text share its trunk, which is read once for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch

from secondthought.errors import PolicyError
from secondthought.models.local import LocalModel
from secondthought.models.token_scores import SLICE
from secondthought.models.tree_forward import TreeForward, vocabulary
from secondthought.progress import SILENT, Onlooker, each
from secondthought.rl.logprobs import token_logprobs
from secondthought.trees import TokenTree, micro_batches, tree_of_texts
from secondthought.types import TokenIds

READ_TOKENS = 2048
"""Most tokens of one forward: enough for the speed of products, few enough for activations to stay small."""


class Continued(NamedTuple):
    """A `Continued` text is asked about with one of its continuations; neither is empty."""

    text: TokenIds
    continuation: TokenIds


class Likelihood(NamedTuple):
    """A `Likelihood` is a continuation's log-probability in nats, and whether each of its tokens is the likeliest."""

    logprob: float
    greedy: bool


def likelihoods(model: LocalModel, asked: Sequence[Continued], onlooker: Onlooker = SILENT) -> list[Likelihood]:
    """Return how likely each continuation is, in order, at temperature 1.

    Raises:
        PolicyError: a text with its continuation is longer than the model's positions reach.
        ValueError: a text or a continuation has no tokens.
    """
    longest = max((len(text) + len(continuation) for text, continuation in asked), default=0)
    for limit in model.length_limits:
        if longest > limit.tokens:
            told = f"a text of {longest} tokens exceeds {limit.reason} ({limit.tokens})"
            raise PolicyError(f"{model.name}: {told}; ask with fewer examples")
    branches: dict[TokenIds, dict[TokenIds, None]] = {}
    for text, continuation in asked:
        if not continuation:
            raise ValueError("a continuation needs a token at least")
        branches.setdefault(text, {})[continuation] = None
    trees = [tree_of_texts(text, list(endings)) for text, endings in branches.items()]
    share = model.unshared_reason is None
    most = max(1, min(READ_TOKENS, SLICE // vocabulary(model.model)))
    found: dict[Continued, Likelihood] = {}
    for batch in each(micro_batches(trees, most), "forwards", onlooker):
        found |= dict(_read(model, batch, share=share))
    return [found[item] for item in asked]


def _read(model: LocalModel, trees: Sequence[TokenTree], *, share: bool) -> Iterator[tuple[Continued, Likelihood]]:
    """Read trees in one forward, and sum up each branch."""
    forward = TreeForward(trees, model.device, share=share)
    with torch.no_grad(), model.autocast():
        logits = forward.logits(model.model)
    logprobs = iter(token_logprobs(logits, forward.targets.token_ids).tolist())
    likeliest = iter((logits.argmax(-1) == forward.targets.token_ids).tolist())
    for tree in trees:
        for branch in tree.branches:
            sums = [next(logprobs) for _ in branch.token_ids]
            greedy = [next(likeliest) for _ in branch.token_ids]
            yield Continued(tree.trunk, branch.token_ids), Likelihood(sum(sums), all(greedy))
