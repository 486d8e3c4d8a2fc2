r"""A group becomes a token tree: what a model reads once, and which of its tokens learn with what advantage.

    trunk      t t t t t t a a a r r r       (problem, failed attempt, request to reflect)
    branch 0               \-> s s s s       s: sampled tokens that may learn
    branch 1               \-> s s           (what follows the last token of interest is left out: attention is
    branch 2               \-> s s s          causal, so leaving it out is exact)

Retries that begin conversations of their own learn in a tree of their own, whose trunk is what their prompts share. The
two are one group: it is flat where both are.

The first token of a branch is predicted at the trunk's last position, once per branch. No torch here: trees are data,
and `models.tree_attention` is how a model reads them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from secondthought.types import TokenIds

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeBranch:
    """A `TreeBranch` is the tokens after the trunk, with one entry per token in every field.

    `old_logprobs` were recorded when tokens were sampled. They are 0.0 where a token was not sampled, and never read
    there; NaN where it was sampled in another context than this one, until `train.rescoring` has read it.
    `learns`: the token is in the policy loss. `anchored`: the token was sampled, does not learn, and is held to the
    reference by the anchor KL. `advantages` is zero wherever `learns` is false.

    With a critic there are three more fields, else they are empty: `rewards` of tokens, and what the critic made of
    them before the step's updates: `values`, one before each token, and `returns`, which it is to learn.
    """

    token_ids: TokenIds
    old_logprobs: tuple[float, ...]
    advantages: tuple[float, ...]
    learns: tuple[bool, ...]
    anchored: tuple[bool, ...]
    rewards: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    returns: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        lengths = {len(self.old_logprobs), len(self.advantages), len(self.learns), len(self.anchored)}
        lengths |= {len(field) for field in (self.rewards, self.values, self.returns) if field}
        if lengths != {len(self.token_ids)}:
            raise ValueError(f"a branch of {len(self.token_ids)} tokens has fields of lengths {sorted(lengths)}")

    @property
    def num_learning(self) -> int:
        """Count the tokens in the policy loss."""
        return sum(self.learns)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTree:
    """A `TokenTree` is a trunk and its branches; `trunk_anchored` marks sampled trunk tokens held by the anchor KL.

    A tree that `continues` is of the same group as the tree before it in every list of trees.
    """

    trunk: TokenIds
    trunk_anchored: tuple[bool, ...]
    branches: tuple[TreeBranch, ...]
    continues: bool = False

    def __post_init__(self) -> None:
        if not self.trunk:
            raise ValueError("a tree needs a trunk of at least one token: it predicts each branch's first token")
        if len(self.trunk_anchored) != len(self.trunk):
            raise ValueError("trunk_anchored needs one entry per trunk token")

    @property
    def num_tokens(self) -> int:
        """Count the tokens that a forward over the tree reads: P + sum of R."""
        return len(self.trunk) + sum(len(branch.token_ids) for branch in self.branches)

    @property
    def num_learning(self) -> int:
        """Count the tokens in the policy loss."""
        return sum(branch.num_learning for branch in self.branches)

    @property
    def num_anchored(self) -> int:
        """Count the tokens held by the anchor KL; a trunk's first token has no position before it to predict it."""
        return sum(self.trunk_anchored[1:]) + sum(sum(branch.anchored) for branch in self.branches)

    @property
    def is_flat(self) -> bool:
        """Tell whether no token has an advantage, so that there is nothing to learn from this tree."""
        return not any(a != 0.0 for branch in self.branches for a in branch.advantages)


def tree_of_texts(trunk: TokenIds, texts: Sequence[TokenIds]) -> TokenTree:
    """Return a tree whose branches are texts that nobody sampled: each of their tokens is read, with advantage 1."""
    branches = tuple(
        TreeBranch(
            token_ids=ids,
            old_logprobs=(0.0,) * len(ids),
            advantages=(1.0,) * len(ids),
            learns=(True,) * len(ids),
            anchored=(False,) * len(ids),
        )
        for ids in texts
    )
    return TokenTree(trunk=trunk, trunk_anchored=(False,) * len(trunk), branches=branches)


def shared_prefix(rows: Sequence[TokenIds]) -> TokenIds:
    """Return the tokens that all rows begin with.

    >>> shared_prefix([(1, 2, 3), (1, 2), (1, 2, 4)])
    (1, 2)
    """
    first, last = min(rows), max(rows)  # what the extremes share, everything between them shares
    pairs = enumerate(zip(first, last, strict=False))
    return first[: next((place for place, (one, other) in pairs if one != other), len(first))]


def by_group(trees: Sequence[TokenTree]) -> list[list[TokenTree]]:
    """Return the trees of each group, in order."""
    groups: list[list[TokenTree]] = []
    for tree in trees:
        if tree.continues:
            groups[-1].append(tree)
        else:
            groups.append([tree])
    return groups


def mini_batches(groups: Sequence[T], count: int) -> list[Sequence[T]]:
    """Split groups, in order, into `count` parts as equal as can be, an update each; fewer groups make fewer parts.

    >>> mini_batches([], 4)
    []
    """
    count = min(count, len(groups))
    edges = [len(groups) * part // count for part in range(count + 1)] if count else []
    return [groups[start:end] for start, end in itertools.pairwise(edges)]


def by_trunk(tree: TokenTree) -> tuple[int, ...]:
    """Order trees by the length of their trunks, then by all their tokens."""
    return len(tree.trunk), tree.num_tokens


def by_branches(tree: TokenTree) -> tuple[int, ...]:
    """Order trees by how many branches they have, then by the longest, then by all their tokens."""
    return len(tree.branches), max(len(branch.token_ids) for branch in tree.branches), tree.num_tokens


def micro_batches(
    trees: Sequence[TokenTree], max_tokens: int, *, alike: Callable[[TokenTree], tuple[int, ...]] = by_trunk
) -> list[list[TokenTree]]:
    """Cut trees into runs of at most `max_tokens` tokens each (a single larger tree goes alone), alike ones together.

    Attention pads branches to the longest and trees to the most branches of a micro-batch: `alike` orders them so that
    little is padded.

    >>> micro_batches([], 10)
    []
    """
    batches: list[list[TokenTree]] = []
    room = 0
    for tree in sorted(trees, key=alike):
        if not batches or tree.num_tokens > room:
            batches.append([])
            room = max_tokens
        batches[-1].append(tree)
        room -= tree.num_tokens
    return batches
