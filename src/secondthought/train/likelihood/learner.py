"""Fine-tuning takes optimizer steps on the cross-entropy of completions, their end token included.

    loss of a batch = - sum of log p(token | prompt, tokens before) over completion tokens / their number in the batch

An example is a tree with its prompt as trunk and its completion as branch; examples of a batch with equal prompts share
the trunk. How the batch is packed, cut into micro-batches or dealt out among processes changes nothing but rounding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from secondthought.config.likelihood import LikelihoodOptimConfig, LikelihoodTrainConfig
from secondthought.distributed.sharding import gather_into, scatter_from, trained
from secondthought.distributed.world import World
from secondthought.models.local import LocalModel
from secondthought.models.tree_forward import TreeForward
from secondthought.progress import SILENT, Stage
from secondthought.rl.schedule import learning_rate
from secondthought.train.gradient_step import gradient_step, take_step
from secondthought.train.likelihood.material import Example
from secondthought.trees import TokenTree, by_branches, micro_batches, tree_of_texts
from secondthought.types import TokenIds

_PORTION = 500_000
"""Tokens of held-out examples whose trees are made at once: a token takes some 70 bytes there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelihoodStats:
    """Measurements of a step. `loss` is in nats per learned token."""

    loss: float
    tokens_learned: int
    tokens_forward: int
    grad_norm: float
    lr: float


class LikelihoodLearner:
    """The policy's optimizer and the update; parameters that require a gradient learn."""

    def __init__(
        self,
        policy: LocalModel,
        optim: LikelihoodOptimConfig,
        train: LikelihoodTrainConfig,
        *,
        total_steps: int,
        world: World | None = None,
    ) -> None:
        """Take the policy; with several processes `model` learns in shards and the policy has a replica (`sync`)."""
        self.policy = policy
        self.world = world or World.alone()
        self.model = trained(policy.model, self.world)
        self.optim = optim
        self.train = train
        self.total_steps = total_steps
        self.share = policy.shares(train.share_trunk)
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=optim.lr, betas=optim.betas, weight_decay=optim.weight_decay
        )

    def update(self, examples: Sequence[Example], step: int) -> LikelihoodStats:
        """Learn from one batch; `step` counts from 1."""
        trees = trees_of(examples, self.train.micro_batch_tokens)
        loss = self.backward(trees)
        lr = rate_of_step(self.optim, step, self.total_steps)
        norm = take_step(self.optimizer, self.parameters, lr=lr, max_norm=self.optim.max_grad_norm, world=self.world)
        return LikelihoodStats(
            loss=loss,
            tokens_learned=sum(tree.num_learning for tree in trees),
            tokens_forward=sum(tree.num_tokens for tree in trees),
            grad_norm=norm,
            lr=lr,
        )

    def backward(self, trees: Sequence[TokenTree]) -> float:
        """Add the gradients of the batch's loss to `.grad`; return the loss."""
        num_learning = sum(tree.num_learning for tree in trees)
        self.optimizer.zero_grad(set_to_none=True)
        sums = gradient_step(
            trees,
            lambda batch: self._loss(batch, num_learning),
            model=self.model,
            train=self.train,
            share=self.share,
            world=self.world,
            what="the update",
            alike=by_branches,
        )
        return self.world.sum("the end of the update", [sum(sums)])[0] / num_learning

    def held_out_loss(self, examples: Sequence[Example], stage: Stage = SILENT) -> float:
        """Measure the mean loss per completion token under the policy's weights as they are; NaN without examples.

        `stage` is told of each example that was read by this process.
        """
        total, num_learning = 0.0, 0
        with torch.no_grad():
            for some in _portions(examples):
                trees = trees_of(some, self.train.micro_batch_tokens)
                num_learning += sum(tree.num_learning for tree in trees)
                for batch in self._share_of(trees):
                    total += float(self._nll(batch, self.policy.model))
                    stage.advance(len(batch) * self.world.size)
        total = self.world.sum("the held-out loss", [total])[0]
        return total / num_learning if num_learning else math.nan

    def sync(self) -> None:
        """Give the policy the weights that train, as they are now."""
        with self.world.watch("the gathering of weights"):
            gather_into(self.policy.model, self.model)

    def take_weights(self) -> None:
        """Go on from the weights that the policy has now."""
        scatter_from(self.policy.model, self.model)

    def _share_of(self, trees: Sequence[TokenTree]) -> list[list[TokenTree]]:
        """Return the micro-batches of this process."""
        share = self.world.deal(trees, lambda tree: tree.num_tokens)
        return micro_batches(share, self.train.micro_batch_tokens, alike=by_branches)

    def _loss(self, trees: Sequence[TokenTree], num_learning: int) -> tuple[Tensor, float]:
        """Compute a micro-batch's share of the loss, and its sum over tokens."""
        total = self._nll(trees, self.model)
        return total / num_learning, float(total.detach())

    def _nll(self, trees: Sequence[TokenTree], model: PreTrainedModel) -> Tensor:
        """Compute the negative log-likelihood, summed over the completion tokens of a micro-batch."""
        forward = TreeForward(trees, self.policy.device, share=self.share)
        with self.policy.autocast():
            if forward.sliced_by(model) is not None:
                return -forward.scores(model).logprobs.sum()
            logits = forward.logits(model)
        wide = logits if logits.dtype == torch.float64 else logits.float()
        return cross_entropy(wide, forward.targets.token_ids, reduction="sum")


def _portions(examples: Sequence[Example]) -> Iterator[list[Example]]:
    """Yield examples in order, so many at once that their trees take little memory."""
    some: list[Example] = []
    tokens = 0
    for example in examples:
        some.append(example)
        tokens += example.num_tokens
        if tokens >= _PORTION:
            yield some
            some, tokens = [], 0
    if some:
        yield some


def trees_of(examples: Sequence[Example], max_tokens: int) -> list[TokenTree]:
    """Build trees of examples: those with equal prompts share a trunk, as far as `max_tokens` leaves room."""
    groups: list[list[Example]] = []
    open_groups: dict[TokenIds, int] = {}
    sizes: list[int] = []
    for example in examples:
        place = open_groups.get(example.prompt) if len(example.prompt) > 1 else None  # nothing to save by one token
        if place is None or sizes[place] + len(example.completion) > max_tokens:
            open_groups[example.prompt] = len(groups)
            groups.append([example])
            sizes.append(example.num_tokens)
        else:
            groups[place].append(example)
            sizes[place] += len(example.completion)
    return [tree_of_texts(group[0].prompt, [example.completion for example in group]) for group in groups]


def rate_of_step(optim: LikelihoodOptimConfig, step: int, total_steps: int) -> float:
    """Return the learning rate of a step, which counts from 1; a cosine goes to zero, which no step reaches.

    >>> [round(rate_of_step(LikelihoodOptimConfig(lr=1.0, warmup_share=0.4), step, 5), 3) for step in range(1, 6)]
    [0.5, 1.0, 1.0, 0.75, 0.25]
    """
    warmup = int(optim.warmup_share * total_steps)
    return learning_rate(
        optim.lr,
        step,
        warmup_steps=warmup,
        schedule=optim.schedule,
        done=(step - 1 - warmup) / max(total_steps - warmup, 1),
    )
