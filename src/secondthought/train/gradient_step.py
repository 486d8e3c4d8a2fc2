"""A gradient step goes from trees to one optimizer step: the part that policy, critic and fine-tuning share.

Every rank is given the same trees and works on its share. Sharded weights are sent around in each forward, so all ranks
run as many: one that has no trees left reads a tree that counts nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

import torch
from torch import Tensor
from transformers import PreTrainedModel

from secondthought.distributed.sharding import full, shard_of
from secondthought.distributed.world import World
from secondthought.errors import RunError
from secondthought.models.finite import are_sound
from secondthought.models.gradient_checkpointing import gradient_checkpointing
from secondthought.trees import TokenTree, TreeBranch, by_trunk, micro_batches

T = TypeVar("T")


class BrokenUpdate(RunError):
    """An update would leave, or has left, weights that are no finite numbers."""


NO_TREE = TokenTree(
    trunk=(0,),
    trunk_anchored=(False,),
    branches=(
        TreeBranch(
            token_ids=(0,),
            old_logprobs=(0.0,),
            advantages=(0.0,),
            learns=(True,),
            anchored=(False,),
            rewards=(0.0,),
            values=(0.0,),
            returns=(0.0,),
        ),
    ),
)
"""What a rank reads that has nothing to learn from."""


class GradientSettings(Protocol):
    """Settings that change memory and speed of a gradient step, not what it computes."""

    @property
    def micro_batch_tokens(self) -> int:
        """Return the most tokens of a forward."""
        ...

    @property
    def gradient_checkpointing(self) -> bool:
        """Return whether layers are computed again in the backward."""
        ...


def gradient_step(
    trees: Sequence[TokenTree],
    loss: Callable[[Sequence[TokenTree]], tuple[Tensor, T]],
    *,
    model: PreTrainedModel,
    train: GradientSettings,
    share: bool,
    world: World,
    what: str,
    alike: Callable[[TokenTree], tuple[int, ...]] = by_trunk,
) -> list[T]:
    """Add the gradients of a loss to `.grad`, micro-batch by micro-batch; return what the loss tells of each.

    Args:
        trees: all trees of the step, the same on every rank.
        loss: gives a micro-batch's share of the whole step's loss, and what is to be told of it.
        model: the model that learns.
        train: how much is read at once, and what is computed again.
        share: whether trunks are read once; the plain path needs another way to compute again.
        world: the ranks that share the work.
        what: names the occasion in errors.
        alike: orders the trees, so that those of a micro-batch are padded little.
    """
    batches = micro_batches(world.deal(trees, lambda tree: tree.num_tokens), train.micro_batch_tokens, alike=alike)
    num_forwards = world.agree_max(what, len(batches))
    told = []
    with world.watch(what), gradient_checkpointing(model, enabled=train.gradient_checkpointing, trees=share):
        for batch in batches:
            value, part = loss(batch)
            value.backward()  # type: ignore[no-untyped-call]
            told.append(part)
        for _ in range(num_forwards - len(batches)):
            value, _nothing = loss([NO_TREE])
            (0.0 * value).backward()  # type: ignore[no-untyped-call]
    return told


def take_step(
    optimizer: torch.optim.Optimizer,
    parameters: Iterable[torch.nn.Parameter],
    *,
    lr: float,
    max_norm: float,
    world: World,
    setting: str = "optim.lr",
) -> float:
    """Clip the gradient, step, and return its norm before clipping.

    Raises:
        BrokenUpdate: the gradient, or what the step makes of the weights, is not finite; the sentence names the setting
            of this learning rate.
    """
    parameters = list(parameters)
    with world.watch("the clipping of gradients"):
        norm = full(torch.nn.utils.clip_grad_norm_(parameters, max_norm))
    if not torch.isfinite(norm):
        raise BrokenUpdate(f"the gradient is not finite; lower {setting} or use model.precision = 'fp32'")
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.step()
    if not are_sound(shard_of(parameter) for parameter in parameters):
        raise BrokenUpdate(
            f"the update with a learning rate of {lr:.2g} left weights that are no finite numbers, or too large to "
            f"compute with; lower {setting}"
        )
    return float(norm)
