"""A forward over trees gives logits for exactly the tokens that a loss reads, by the shared path or by the plain one.

Both paths give the same rows in the same order: for each tree, its anchored trunk tokens, then branch by branch the
tokens that learn or are anchored. A token's logits are those at the position before it; for the first token of a branch
that is the trunk's last position.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import PreTrainedModel

from secondthought.models.tree_attention import PackedTrees, pack, tree_attention
from secondthought.trees import TokenTree

TRUNK = -1
"""Branch number of a token that lies in the trunk."""


class Target(NamedTuple):
    """A `Target` is a token that a loss reads: where it is and what is known of it."""

    tree: int
    branch: int
    at: int
    token_id: int
    old_logprob: float
    advantage: float
    learns: bool


class Targets(NamedTuple):
    """`Targets` hold all tokens that a loss reads, M of them, as tensors."""

    token_ids: Int[Tensor, " M"]
    old_logprobs: Float[Tensor, " M"]
    advantages: Float[Tensor, " M"]
    learns: Bool[Tensor, " M"]


def targets(trees: Sequence[TokenTree]) -> list[Target]:
    """List the tokens that a loss reads, in the order of both paths; a trunk's first has no position before it."""
    return [target for number, tree in enumerate(trees) for target in _of_tree(number, tree)]


def _of_tree(number: int, tree: TokenTree) -> Iterator[Target]:
    for at, (token_id, anchored) in enumerate(zip(tree.trunk, tree.trunk_anchored, strict=True)):
        if anchored and at > 0:
            yield Target(number, TRUNK, at, token_id, 0.0, 0.0, False)
    for index, branch in enumerate(tree.branches):
        for at, token_id in enumerate(branch.token_ids):
            if branch.learns[at] or branch.anchored[at]:
                yield Target(
                    number, index, at, token_id, branch.old_logprobs[at], branch.advantages[at], branch.learns[at]
                )


def as_tensors(found: Sequence[Target], device: torch.device, dtype: torch.dtype = torch.float32) -> Targets:
    """Turn targets into tensors; those that do not learn are the anchored ones."""
    return Targets(
        token_ids=torch.tensor([target.token_id for target in found], dtype=torch.long, device=device),
        old_logprobs=torch.tensor([target.old_logprob for target in found], dtype=dtype, device=device),
        advantages=torch.tensor([target.advantage for target in found], dtype=dtype, device=device),
        learns=torch.tensor([target.learns for target in found], dtype=torch.bool, device=device),
    )


class TreeForward:
    """A `TreeForward` is a micro-batch of trees, laid out once and read by the policy and by the reference."""

    def __init__(self, trees: Sequence[TokenTree], device: torch.device, *, share: bool) -> None:
        self.trees = trees
        self.found = targets(trees)
        self.targets = as_tensors(self.found, device)
        self.device = device
        self.packed = pack(trees, device) if share else None

    def logits(self, model: PreTrainedModel) -> Float[Tensor, "M V"]:
        """Return the model's logits before each target."""
        return self._plain(model) if self.packed is None else self._shared(model, self.packed)

    def _shared(self, model: PreTrainedModel, packed: PackedTrees) -> Float[Tensor, "M V"]:
        before = []
        for target in self.found:
            trunk = packed.trunk_starts[target.tree]
            if target.branch == TRUNK:
                before.append(trunk + target.at - 1)
            elif target.at == 0:
                before.append(trunk + len(self.trees[target.tree].trunk) - 1)
            else:
                before.append(packed.branch_starts[target.tree][target.branch] + target.at - 1)
        keep = torch.tensor(before, dtype=torch.long, device=self.device)
        with tree_attention(model):
            logits = kept_logits(
                model,
                keep,
                input_ids=packed.input_ids,
                position_ids=packed.position_ids,
                use_cache=False,
                tree=packed,
            )
        return logits[0]

    def _plain(self, model: PreTrainedModel) -> Float[Tensor, "M V"]:
        """Read every branch as a row with its trunk, right-padded: this is the tests' reference, and the fallback."""
        rows = [(*tree.trunk, *branch.token_ids) for tree in self.trees for branch in tree.branches]
        first_row = [0]
        for tree in self.trees:
            first_row.append(first_row[-1] + len(tree.branches))
        size = max(len(row) for row in rows)
        ids = torch.tensor([[*row, *[0] * (size - len(row))] for row in rows], device=self.device)
        real = torch.tensor([[1] * len(row) + [0] * (size - len(row)) for row in rows], device=self.device)
        logits = model(input_ids=ids, attention_mask=real, use_cache=False).logits
        row_of = [first_row[t.tree] + max(t.branch, 0) for t in self.found]
        column = [t.at - 1 + (0 if t.branch == TRUNK else len(self.trees[t.tree].trunk)) for t in self.found]
        chosen: Tensor = logits[row_of, column]
        return chosen


def kept_logits(model: PreTrainedModel, keep: Int[Tensor, " M"] | int, **inputs: Any) -> Float[Tensor, "B M V"]:
    """Return the logits of a forward at these columns, or at the last `keep`.

    A forward that cannot leave out the others gives all: many take `**kwargs`, which would swallow the wish.
    """
    if takes(model, "logits_to_keep"):
        kept: Tensor = model(**inputs, logits_to_keep=keep).logits
        return kept
    logits: Tensor = model(**inputs).logits
    return logits[:, -keep:] if isinstance(keep, int) else logits[:, keep]


def takes(model: PreTrainedModel, argument: str) -> bool:
    """Return whether a model's forward has this argument by name."""
    if (kind := type(model)) not in _ARGUMENTS:
        _ARGUMENTS[kind] = frozenset(inspect.signature(kind.forward).parameters)
    return argument in _ARGUMENTS[kind]


_ARGUMENTS: dict[type, frozenset[str]] = {}
