"""A learner takes one optimizer step from credited groups.

The loss, summed over the tokens of kept groups and divided once by their number over the whole step:

    1/N sum_learning [ clipped surrogate + kl_ref * k3(policy, reference) - entropy_bonus * entropy ]
    + kl_anchor * 1/M sum_anchored k3

A group whose advantages are all zero is dropped before the forward, its KL terms with it. How the rest is cut into
micro-batches, ordered, padded or dealt out among processes changes nothing but rounding. Split into `mini_batches`, a
step has an update, and N and M of its own, for each. With a critic advantages come per token (`critic.advantages`); no
group is dropped then, since the critic has something to learn from each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace

import torch
from torch import Tensor

from secondthought.config import AlgorithmConfig, CriticConfig, OptimConfig, TrainConfig
from secondthought.distributed.sharding import gather_into, scatter_from, trained
from secondthought.distributed.world import World
from secondthought.models.local import LocalModel
from secondthought.models.token_scores import Spread
from secondthought.models.tree_forward import TreeForward
from secondthought.rl.kl import kl_k1, kl_k3
from secondthought.rl.losses import clipped_surrogate, reinforce
from secondthought.train.critic.learner import Critic, CriticStats
from secondthought.train.gradient_step import gradient_step, take_step
from secondthought.train.reference import Reference, reference_of
from secondthought.train.schedule import rate_of_step
from secondthought.trees import TokenTree, by_group, mini_batches


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateStats:
    """Measurements of a step; means are over learning tokens of kept groups, NaN where nothing was learned.

    Of several passes it is the last; the norm is the mean over its updates.
    """

    groups_kept: int
    groups_flat: int
    tokens_learned: int
    tokens_forward: int
    loss_total: float
    loss_policy: float
    kl_ref: float
    kl_anchor: float
    kl_old: float
    entropy: float
    ratio_mean: float
    clip_low: float
    clip_high: float
    grad_norm: float
    lr: float
    critic: CriticStats | None = None


@dataclass(slots=True)
class _Sums:
    """Running sums over the tokens of a step."""

    policy: float = 0.0
    kl_ref: float = 0.0
    kl_anchor: float = 0.0
    kl_old: float = 0.0
    entropy: float = 0.0
    ratio: float = 0.0
    clipped_low: float = 0.0
    clipped_high: float = 0.0

    def __iadd__(self, other: _Sums) -> _Sums:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))
        return self


class Learner:
    """The policy's optimizer, its reference, and the update."""

    def __init__(
        self,
        policy: LocalModel,
        algorithm: AlgorithmConfig,
        optim: OptimConfig,
        train: TrainConfig,
        *,
        critic: CriticConfig | None = None,
        temperature: float = 1.0,
        world: World | None = None,
    ) -> None:
        """Take a policy whose parameters that require a gradient learn; its reference is `reference_of(policy)`.

        Where the algorithm's row says so there is a critic, a copy of the policy as it is now. With several processes
        `model`, which learns, is sharded; the policy's own model is a replica that follows it.
        """
        self.policy = policy
        self.world = world or World.alone()
        self.model = trained(policy.model, self.world)
        self.algorithm = algorithm
        self.optim = optim
        self.train = train
        self.temperature = temperature
        self.share = policy.shares(train.share_trunk)
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=optim.lr, betas=optim.betas, weight_decay=optim.weight_decay
        )
        self.compares = algorithm.kl_ref > 0 or algorithm.kl_anchor > 0
        needs_reference = self.compares or algorithm.kl_reward > 0
        self.reference: Reference | None = reference_of(policy, self.world) if needs_reference else None
        self.critic: Critic | None = None
        if algorithm.row.baseline == "critic":
            self.critic = Critic(policy, critic or CriticConfig(), optim, train, world=self.world)

    def update(self, trees: Sequence[TokenTree], step: int, sampled_tokens: int = 0) -> UpdateStats:
        """Learn from the groups that are not flat; without any, nothing changes, the optimizer's state included.

        `step` counts from 1; `sampled_tokens` are those of the run so far, for a schedule that follows a token budget.
        With a critic the trees hold its advantages, all are kept, and the critic learns first.
        """
        groups = by_group(trees)
        kept = groups if self.critic is not None else [group for group in groups if not all(t.is_flat for t in group)]
        lr = rate_of_step(self.optim, self.train, step, sampled_tokens)
        stats = _no_update(len(groups), lr)
        of_critic = self.critic.update(trees, step, sampled_tokens) if self.critic is not None and kept else None
        for _ in range(self.train.epochs if kept else 0):
            stats = replace(self._pass(kept, len(groups) - len(kept), lr), critic=of_critic)
        with self.world.watch("the gathering of weights"):
            gather_into(self.policy.model, self.model)
        return stats

    def take_weights(self) -> None:
        """Go on from the weights that the policy has now."""
        scatter_from(self.policy.model, self.model)

    def backward(self, trees: Sequence[TokenTree]) -> _Sums:
        """Add the gradients of one update's loss to `.grad`; return the sums that it is made of, over all ranks."""
        num_learning = sum(tree.num_learning for tree in trees)
        num_anchored = sum(tree.num_anchored for tree in trees)
        self.optimizer.zero_grad(set_to_none=True)
        parts = gradient_step(
            trees,
            lambda batch: self._loss(batch, num_learning, num_anchored),
            model=self.model,
            train=self.train,
            share=self.share,
            world=self.world,
            what="the update",
        )
        sums = _Sums()
        for part in parts:
            sums += part
        return _Sums(*self.world.sum("the end of the update", astuple(sums)))

    def _pass(self, groups: Sequence[Sequence[TokenTree]], num_flat: int, lr: float) -> UpdateStats:
        trees = [tree for group in groups for tree in group]
        sums, norms = _Sums(), []
        for part in mini_batches(groups, self.train.mini_batches):
            sums += self.backward([tree for group in part for tree in group])
            norms.append(
                take_step(self.optimizer, self.parameters, lr=lr, max_norm=self.optim.max_grad_norm, world=self.world)
            )
        learned, anchored = sum(t.num_learning for t in trees), sum(t.num_anchored for t in trees)
        policy, kl_ref = sums.policy / learned, sums.kl_ref / learned
        kl_anchor = sums.kl_anchor / anchored if anchored else math.nan
        total = policy + self.algorithm.kl_ref * (kl_ref if self.algorithm.kl_ref else 0.0)
        total += self.algorithm.kl_anchor * (kl_anchor if anchored else 0.0)
        total -= self.algorithm.entropy_bonus * sums.entropy / learned
        return UpdateStats(
            groups_kept=len(groups),
            groups_flat=num_flat,
            tokens_learned=learned,
            tokens_forward=sum(tree.num_tokens for tree in trees),
            loss_total=total,
            loss_policy=policy,
            kl_ref=kl_ref if self.compares else math.nan,
            kl_anchor=kl_anchor,
            kl_old=sums.kl_old / learned,
            entropy=sums.entropy / learned,
            ratio_mean=sums.ratio / learned,
            clip_low=sums.clipped_low / learned,
            clip_high=sums.clipped_high / learned,
            grad_norm=sum(norms) / len(norms),
            lr=lr,
        )

    def _loss(self, trees: Sequence[TokenTree], num_learning: int, num_anchored: int) -> tuple[Tensor, _Sums]:
        """Compute one micro-batch's share of the step's loss."""
        forward = TreeForward(trees, self.policy.device, share=self.share)
        known, learns = forward.targets, forward.targets.learns
        spreads: Spread = "learns" if self.algorithm.entropy_bonus > 0 else "read"
        with self.policy.autocast():
            logprobs, spread = forward.scores(self.model, temperature=self.temperature, spread=spreads)
        surrogate = clipped_surrogate(
            logprobs[learns],
            known.old_logprobs[learns],
            known.advantages[learns],
            clip_low=self.algorithm.clip_low,
            clip_high=self.algorithm.clip_high,
        )
        if self.algorithm.row.loss == "reinforce":
            policy_loss = reinforce(logprobs[learns], known.advantages[learns]).sum()
        else:
            policy_loss = surrogate.loss.sum()
        loss = policy_loss / max(num_learning, 1)
        sums = _Sums()
        if self.reference is not None and self.compares:
            with self.policy.autocast():
                theirs = self.reference.logprobs(forward, self.temperature)
            kl = kl_k3(logprobs, theirs)
            learning_kl, anchor_kl = kl[learns].sum(), kl[~learns].sum()
            loss = loss + self.algorithm.kl_ref * learning_kl / max(num_learning, 1)
            loss = loss + self.algorithm.kl_anchor * anchor_kl / max(num_anchored, 1)
            sums.kl_ref, sums.kl_anchor = float(learning_kl.detach()), float(anchor_kl.detach())
        if self.algorithm.entropy_bonus > 0:
            loss = loss - self.algorithm.entropy_bonus * spread.sum() / max(num_learning, 1)
        with torch.no_grad():
            sums.policy = float(policy_loss.detach())
            sums.kl_old = float(kl_k1(known.old_logprobs, logprobs)[learns].sum())
            sums.entropy = float(spread.sum())
            sums.ratio = float(surrogate.ratio.sum())
            sums.clipped_low = float(surrogate.clipped_low.sum())
            sums.clipped_high = float(surrogate.clipped_high.sum())
        return loss, sums


def _no_update(num_flat: int, lr: float) -> UpdateStats:
    """Describe a step in which every group was flat."""
    nan = math.nan
    return UpdateStats(
        groups_kept=0,
        groups_flat=num_flat,
        tokens_learned=0,
        tokens_forward=0,
        loss_total=nan,
        loss_policy=nan,
        kl_ref=nan,
        kl_anchor=nan,
        kl_old=nan,
        entropy=nan,
        ratio_mean=nan,
        clip_low=nan,
        clip_high=nan,
        grad_norm=nan,
        lr=lr,
    )
