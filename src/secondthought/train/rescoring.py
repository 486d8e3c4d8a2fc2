"""Tokens that learn in another context than they were sampled in get the log-probability that they have there.

A ratio needs the token's log-probability by the weights that sampled it, in the context in which it learns. Where a row
strips retries that is the bare problem, after which nobody sampled them: it is read before the step's first update.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from secondthought.models.tree_forward import TreeForward
from secondthought.train.credit import Credited
from secondthought.train.learner import Learner
from secondthought.trees import TokenTree, TreeBranch


def rescored(credited: Sequence[Credited], learner: Learner) -> list[Credited]:
    """Fill in the log-probabilities that are missing, by the weights as they are; all others stay as recorded."""
    trees = [tree for item in credited for tree in item.trees]
    wanted = [found for tree in trees if (found := _unread(tree)) is not None]
    if not wanted:
        return list(credited)
    read = iter([row for rows in _read(wanted, learner) for row in rows])
    whole = iter([replace(tree, branches=tuple(_filled(branch, read) for branch in tree.branches)) for tree in trees])
    return [replace(item, trees=tuple(next(whole) for _ in item.trees)) for item in credited]


def _unread(tree: TokenTree) -> TokenTree | None:
    """Return the tree with those of its branches that are to be read; None where there are none."""
    branches = tuple(branch for branch in tree.branches if _lacks(branch))
    return replace(tree, branches=branches, trunk_anchored=(False,) * len(tree.trunk)) if branches else None


def _lacks(branch: TreeBranch) -> bool:
    return any(math.isnan(value) for value in branch.old_logprobs)


def _filled(branch: TreeBranch, read: Iterator[Sequence[float]]) -> TreeBranch:
    return replace(branch, old_logprobs=tuple(next(read))) if _lacks(branch) else branch


def _read(trees: Sequence[TokenTree], learner: Learner) -> list[list[list[float]]]:
    """Return the log-probabilities of each tree's branches: every rank reads its share, and all know everything."""
    world = learner.world
    mine = world.deal(range(len(trees)), lambda index: trees[index].num_tokens)
    own = {index: _of_branches(trees[index], learner) for index in mine}
    shares = world.gather("the log-probabilities of stripped retries", own)
    everything = {index: rows for share in shares for index, rows in share.items()}
    return [everything[index] for index in range(len(trees))]


def _of_branches(tree: TokenTree, learner: Learner) -> list[list[float]]:
    """Read a tree whose tokens all learn by the policy's own weights, of which every rank has a copy."""
    policy = learner.policy
    forward = TreeForward([tree], policy.device, share=learner.share)
    with torch.no_grad(), policy.autocast():
        scored = forward.scores(policy.model, temperature=learner.temperature).logprobs
    flat = iter(scored.tolist())
    return [[next(flat) for _ in branch.token_ids] for branch in tree.branches]
