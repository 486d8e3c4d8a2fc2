"""A critic gives a step's tokens values, returns and advantages before anything is updated.

    reward of a token = -kl_reward * (log p_old - log p_ref), and on a branch's last token the verdict's reward besides

Values and the reference's log-probabilities are read once, from the weights as they are; advantages (GAE, whitened over
the learning tokens of the step) and returns are then fixed for all updates of the step. Rows without a critic pass
through unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from secondthought.models.tree_forward import TreeForward
from secondthought.rl.advantages import is_flat, whiten
from secondthought.rl.gae import gae
from secondthought.rl.kl import kl_k1
from secondthought.train.credit import Credited
from secondthought.train.critic.learner import Critic
from secondthought.train.gradient_step import NO_TREE
from secondthought.train.learner import Learner
from secondthought.trees import TokenTree, TreeBranch, micro_batches

Row: TypeAlias = list[float]
"""One number per learning token of a branch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CriticAdvantagesStats:
    """Means over the learning tokens of the step, before its updates; advantages before they are whitened."""

    value_mean: float
    return_mean: float
    explained_variance: float
    advantage_mean: float
    advantage_std: float
    kl_reward: float


class CriticAdvantages(NamedTuple):
    """Groups whose trees hold values, returns and advantages; without a critic the groups as they were."""

    credited: list[Credited]
    stats: CriticAdvantagesStats | None


class _Read(NamedTuple):
    """Readings of critic and reference at each branch's learning tokens."""

    values: list[Row]
    kl: list[Row]


def advantages_from_critic(credited: Sequence[Credited], learner: Learner) -> CriticAdvantages:
    """Ask the critic, if there is one. A branch's recorded advantage is then the mean over its learning tokens."""
    if learner.critic is None or not credited:
        return CriticAdvantages(list(credited), None)
    trees, stats = with_advantages([item.tree for item in credited], learner, learner.critic)
    found = [
        replace(item, trees=(tree,), advantages=tuple(_mean(branch) for branch in tree.branches))
        for item, tree in zip(credited, trees, strict=True)
    ]
    return CriticAdvantages(found, stats)


def with_advantages(
    trees: Sequence[TokenTree], learner: Learner, critic: Critic
) -> tuple[list[TokenTree], CriticAdvantagesStats]:
    """Build trees with values, returns and advantages from trees with rewards."""
    read = _read(trees, learner, critic)
    branches = [branch for tree in trees for branch in tree.branches]
    values, mask = _table([row for item in read for row in item.values])
    kl, _ = _table([row for item in read for row in item.kl])
    given, _ = _table([[branch.rewards[at] for at in _learning(branch)] for branch in branches])
    rewards = given - learner.algorithm.kl_reward * kl
    config = critic.config
    raw, returns = gae(rewards, values, mask, gamma=config.gamma, gae_lambda=config.gae_lambda)
    advantages = whiten(raw, mask) if config.whiten else raw
    rows = zip(branches, values.tolist(), returns.tolist(), advantages.tolist(), strict=True)
    finished = iter([_finished(*row) for row in rows])
    found = [replace(tree, branches=tuple(next(finished) for _ in tree.branches)) for tree in trees]
    return found, _stats(values[mask], returns[mask], raw[mask], kl[mask] if learner.algorithm.kl_reward else None)


def _finished(branch: TreeBranch, values: Row, returns: Row, advantages: Row) -> TreeBranch:
    """Give the branch a number for each learning token in every field, and zero for the others."""

    def spread(row: Row) -> tuple[float, ...]:
        left = iter(row)  # padding, at the end, is never reached
        return tuple(next(left) if learns else 0.0 for learns in branch.learns)

    return replace(branch, values=spread(values), returns=spread(returns), advantages=spread(advantages))


def _read(trees: Sequence[TokenTree], learner: Learner, critic: Critic) -> list[_Read]:
    """Read what critic and reference say of each tree: every rank reads its share, and all know everything."""
    world = learner.world
    mine = world.deal(range(len(trees)), lambda index: trees[index].num_tokens)
    batches = micro_batches([trees[index] for index in mine], learner.train.micro_batch_tokens)
    num_forwards = world.agree_max("the critic's advantages", len(batches))
    seen: dict[TokenTree, _Read] = {}
    with world.watch("the critic's advantages"), torch.no_grad():
        for batch in batches:
            seen.update(zip(batch, _read_batch(batch, learner, critic), strict=True))
        for _ in range(num_forwards - len(batches)):
            _read_batch([NO_TREE], learner, critic)
    own = {index: seen[trees[index]] for index in mine}
    everything = {
        index: read for part in world.gather("the end of the critic's advantages", own) for index, read in part.items()
    }
    return [everything[index] for index in range(len(trees))]


def _read_batch(trees: Sequence[TokenTree], learner: Learner, critic: Critic) -> list[_Read]:
    forward = TreeForward(trees, learner.policy.device, share=learner.share)
    known, learns = forward.targets, forward.targets.learns
    values = critic.values(forward)[learns]
    kl = torch.zeros_like(values)
    if learner.algorithm.kl_reward > 0 and learner.reference is not None:
        with learner.policy.autocast():
            theirs = learner.reference.logprobs(forward, learner.temperature)[learns]
        kl = kl_k1(known.old_logprobs[learns], theirs)
    flat_values, flat_kl = iter(values.tolist()), iter(kl.tolist())
    return [_Read(_rows(tree, flat_values), _rows(tree, flat_kl)) for tree in trees]


def _rows(tree: TokenTree, flat: Iterator[float]) -> list[Row]:
    """Take the next numbers, branch by branch, in the order of `tree_forward`'s targets."""
    return [[next(flat) for _ in range(branch.num_learning)] for branch in tree.branches]


def _learning(branch: TreeBranch) -> list[int]:
    return [at for at, learns in enumerate(branch.learns) if learns]


def _table(rows: Sequence[Row]) -> tuple[Float[Tensor, "B T"], Bool[Tensor, "B T"]]:
    """Pad ragged rows on the right, in float64, and mark where they are real."""
    size = max(map(len, rows))
    table = torch.tensor([[*row, *[0.0] * (size - len(row))] for row in rows], dtype=torch.float64)
    return table, torch.arange(size) < torch.tensor([len(row) for row in rows])[:, None]


def _mean(branch: TreeBranch) -> float:
    found = [branch.advantages[at] for at in _learning(branch)]
    return math.fsum(found) / len(found) if found else 0.0


def _stats(values: Tensor, returns: Tensor, raw: Tensor, kl: Tensor | None) -> CriticAdvantagesStats:
    spread = float(returns.var(correction=0))
    unexplained = float((returns - values).var(correction=0))
    return CriticAdvantagesStats(
        value_mean=float(values.mean()),
        return_mean=float(returns.mean()),
        explained_variance=1.0 - unexplained / spread if not is_flat(returns) else math.nan,
        advantage_mean=float(raw.mean()),
        advantage_std=float(raw.std(correction=0)),
        kl_reward=math.nan if kl is None else float(kl.mean()),
    )
