"""The critic: a copy of the policy's model whose head gives one number per position, and its own optimizer.

It reads the same token trees. The value of a token is what is still to come *before* it is sampled, so it stands where
the token is predicted: that of a branch's first token at the trunk's last position, counted there once per branch. The
head begins at zero, so the first values are zero and the first returns the rewards themselves.

The loss, over the learning tokens of a mini-batch: 1/N sum 0.5 max((V - R)^2, (clipped V - R)^2).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedModel

from secondthought.config import CriticConfig, OptimConfig, TrainConfig
from secondthought.distributed.sharding import shard
from secondthought.distributed.world import World
from secondthought.models.local import LocalModel
from secondthought.models.tree_forward import TreeForward
from secondthought.rl.losses import clipped_value_loss
from secondthought.train.gradient_step import gradient_step, take_step
from secondthought.train.schedule import rate_of_step
from secondthought.trees import TokenTree, mini_batches


@dataclass(frozen=True, slots=True, kw_only=True)
class CriticStats:
    """Measurements of a step's updates of the critic: means over the tokens of its last pass, and over its updates."""

    loss: float
    clipped: float
    grad_norm: float
    lr: float
    updates: int


class _Part(NamedTuple):
    """Sums over the tokens of a micro-batch."""

    loss: float
    clipped: float


class Critic:
    """The value model, its optimizer and its update. All ranks hold a shard of it, as of the policy."""

    def __init__(
        self,
        policy: LocalModel,
        config: CriticConfig,
        optim: OptimConfig,
        train: TrainConfig,
        *,
        world: World | None = None,
    ) -> None:
        """Copy the policy as it is now. With adapters the copy has its own, and they and the head learn."""
        self.policy = policy
        self.world = world or World.alone()
        self.config = config
        self.optim = optim.model_copy(update={"lr": config.lr, "warmup_steps": config.warmup_steps})
        self.train = train
        self.share = policy.shares(train.share_trunk)
        self.model = shard(value_model(policy.model), self.world)
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=config.lr, betas=optim.betas, weight_decay=optim.weight_decay
        )

    def values(self, forward: TreeForward) -> Float[Tensor, " M"]:
        """Compute the value before each target of a forward, learning or not."""
        with self.policy.autocast():
            values = forward.logits(self.model)[:, 0]
        return values if values.dtype == torch.float64 else values.float()

    def update(self, trees: Sequence[TokenTree], step: int, sampled_tokens: int = 0) -> CriticStats:
        """Learn the returns that trees hold: `mini_batches` updates in each of `train.epochs` passes."""
        lr = rate_of_step(self.optim, self.train, step, sampled_tokens)
        norms: list[float] = []
        told = _Part(0.0, 0.0)
        for _ in range(self.train.epochs):
            told = _Part(0.0, 0.0)
            for part in mini_batches(trees, self.config.mini_batches):
                told = _Part(*(a + b for a, b in zip(told, self.backward(part), strict=True)))
                norms.append(self._step(lr))
        learned = sum(tree.num_learning for tree in trees)
        return CriticStats(
            loss=told.loss / learned,
            clipped=told.clipped / learned,
            grad_norm=sum(norms) / len(norms),
            lr=lr,
            updates=len(norms),
        )

    def backward(self, trees: Sequence[TokenTree]) -> _Part:
        """Add the gradients of one update's loss to `.grad`; return the sums that it is made of, over all ranks."""
        num_learning = sum(tree.num_learning for tree in trees)
        self.optimizer.zero_grad(set_to_none=True)
        parts = gradient_step(
            trees,
            lambda batch: self._loss(batch, num_learning),
            model=self.model,
            train=self.train,
            share=self.share,
            world=self.world,
            what="the critic's update",
        )
        sums = [sum(part.loss for part in parts), float(sum(part.clipped for part in parts))]
        return _Part(*self.world.sum("the end of the critic's update", sums))

    def _loss(self, trees: Sequence[TokenTree], num_learning: int) -> tuple[Tensor, _Part]:
        """Compute one micro-batch's share of an update's loss."""
        forward = TreeForward(trees, self.policy.device, share=self.share)
        values = self.values(forward)[forward.targets.learns]
        old, returns = (_column(forward, name).to(values) for name in ("values", "returns"))
        found = clipped_value_loss(values, old, returns, clip=self.config.value_clip)
        total = found.loss.sum()
        return total / num_learning, _Part(float(total.detach()), float(found.clipped.sum()))

    def _step(self, lr: float) -> float:
        return take_step(
            self.optimizer,
            self.parameters,
            lr=lr,
            max_norm=self.optim.max_grad_norm,
            world=self.world,
            setting="critic.lr",
        )


def value_model(model: PreTrainedModel) -> PreTrainedModel:
    """Copy a model so that its "logits" are one value per position; only the new head differs, and it is zero.

    Caps of logits are taken off: a value must be able to reach its return.
    """
    critic = copy.deepcopy(model)
    inner = critic.get_output_embeddings()
    dtype = torch.promote_types(inner.weight.dtype, torch.float32)  # the head learns, also over weights held in bf16
    head = torch.nn.Linear(inner.in_features, 1, bias=False, device=model.device, dtype=dtype)
    torch.nn.init.zeros_(head.weight)
    critic.set_output_embeddings(head)
    critic.config.tie_word_embeddings = False
    for config in {id(c): c for c in (critic.config, critic.config.get_text_config())}.values():
        if getattr(config, "final_logit_softcapping", None) is not None:
            config.final_logit_softcapping = None
    return critic


def _column(forward: TreeForward, name: str) -> Tensor:
    """Return a field of branches at the targets that learn, in their order."""
    chosen = [target for target in forward.found if target.learns]
    return torch.tensor(
        [getattr(forward.trees[t.tree].branches[t.branch], name)[t.at] for t in chosen], dtype=torch.float64
    )
