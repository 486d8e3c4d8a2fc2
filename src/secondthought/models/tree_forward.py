"""A forward over trees gives logits for exactly the tokens that a loss reads, by the shared path or by the plain one.

Both paths give the same rows in the same order: for each tree, its anchored trunk tokens, then branch by branch the
tokens that learn or are anchored. A token's logits are those at the position before it; for the first token of a branch
that is the trunk's last position.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import PreTrainedModel

from secondthought.models.logits_kept import kept_logits
from secondthought.models.output_head import OutputHead, find_head
from secondthought.models.token_scores import SLICE, Scoring, Spread, TokenScores, scores_of_logits, scores_of_states
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
        if self.packed is None:
            logits: Tensor = model(**self._rows, use_cache=False).logits
            return logits[self._places]
        return self._read(model, self.packed, self._before(self.packed))[0]

    def scores(self, model: PreTrainedModel, *, temperature: float = 1.0, spread: Spread = "unread") -> TokenScores:
        """Return the log-probability of each target and the entropy before those that learn.

        Where logits are many (`SLICE`), a slice of them is alive at once, if the model's head can be run by itself.
        """
        wanted = Scoring(self.targets.token_ids, self.targets.learns, temperature, spread)
        head = self.sliced_by(model)
        if head is None:
            return scores_of_logits(self.logits(model), wanted)
        return scores_of_states(head, self._states(model, head), vocabulary(model), wanted)

    def sliced_by(self, model: PreTrainedModel) -> OutputHead | None:
        """Return the head that `scores` reads in slices; None where all logits are made at once."""
        num_read = len(self.found) if self.packed is not None else self._rows["input_ids"].numel()
        return find_head(model) if num_read * vocabulary(model) > SLICE else None

    def _states(self, model: PreTrainedModel, head: OutputHead) -> Float[Tensor, "M E"]:
        """Return the hidden state before each target; the forward makes the logits of a single one."""
        with head.states() as found:
            if self.packed is None:
                model(**self._rows, use_cache=False, logits_to_keep=1)
                return found[0][self._places]
            before = self._before(self.packed)
            self._read(model, self.packed, before[:1])
        return found[0][0].index_select(0, before)

    def _read(self, model: PreTrainedModel, packed: PackedTrees, keep: Int[Tensor, " K"]) -> Float[Tensor, "1 K V"]:
        with tree_attention(model):
            return kept_logits(
                model,
                keep,
                input_ids=packed.input_ids,
                position_ids=packed.position_ids,
                use_cache=False,
                tree=packed,
            )

    def _before(self, packed: PackedTrees) -> Int[Tensor, " M"]:
        """Find the flat position before each target."""
        before = []
        for target in self.found:
            trunk = packed.trunk_starts[target.tree]
            if target.branch == TRUNK:
                before.append(trunk + target.at - 1)
            elif target.at == 0:
                before.append(trunk + len(self.trees[target.tree].trunk) - 1)
            else:
                before.append(packed.branch_starts[target.tree][target.branch] + target.at - 1)
        return torch.tensor(before, dtype=torch.long, device=self.device)

    @cached_property
    def _rows(self) -> dict[str, Tensor]:
        """Lay out every branch as a row with its trunk, right-padded: the tests' reference, and the fallback."""
        rows = [(*tree.trunk, *branch.token_ids) for tree in self.trees for branch in tree.branches]
        size = max(len(row) for row in rows)
        return {
            "input_ids": torch.tensor([[*row, *[0] * (size - len(row))] for row in rows], device=self.device),
            "attention_mask": torch.tensor([[1] * len(r) + [0] * (size - len(r)) for r in rows], device=self.device),
        }

    @property
    def _places(self) -> tuple[list[int], list[int]]:
        """Find row and column before each target."""
        first_row = [0]
        for tree in self.trees:
            first_row.append(first_row[-1] + len(tree.branches))
        row_of = [first_row[t.tree] + max(t.branch, 0) for t in self.found]
        column = [t.at - 1 + (0 if t.branch == TRUNK else len(self.trees[t.tree].trunk)) for t in self.found]
        return row_of, column


def vocabulary(model: PreTrainedModel) -> int:
    """Return how many tokens a model knows."""
    return int(model.get_input_embeddings().weight.shape[0])
