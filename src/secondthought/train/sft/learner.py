"""One optimizer step of supervised fine-tuning: cross-entropy of completions, their end token included.

    loss of a batch = - sum of log p(token | prompt, tokens before) over completion tokens / their number in the batch

An example is a tree with its prompt as trunk and its completion as branch; examples of a batch with equal prompts share
the trunk. How the batch is packed, cut into micro-batches or dealt out among processes changes nothing but rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from secondthought.config.sft import SftOptimConfig, SftTrainConfig
from secondthought.distributed.sharding import full, gather_into, scatter_from, trained
from secondthought.distributed.world import World
from secondthought.errors import RunError
from secondthought.inference.local import LocalPolicy
from secondthought.models.gradient_checkpointing import gradient_checkpointing
from secondthought.models.tree_forward import TreeForward
from secondthought.train.sft.examples import Example
from secondthought.trees import TokenTree, TreeBranch
from secondthought.types import TokenIds


@dataclass(frozen=True, slots=True, kw_only=True)
class SftStats:
    """What a step did. `loss` is in nats per learned token."""

    loss: float
    tokens_learned: int
    tokens_forward: int
    grad_norm: float
    lr: float


class SftLearner:
    """The policy's optimizer and the update; parameters that require a gradient learn."""

    def __init__(
        self,
        policy: LocalPolicy,
        optim: SftOptimConfig,
        train: SftTrainConfig,
        *,
        total_steps: int,
        world: World | None = None,
    ) -> None:
        """With several processes `model`, which learns, is sharded; the policy's own is a replica, see `sync`."""
        self.policy = policy
        self.world = world or World.alone()
        self.model = trained(policy.model, self.world)
        self.optim = optim
        self.train = train
        self.total_steps = total_steps
        self.share = train.share_trunk and policy.unshared_reason is None
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=optim.lr, betas=optim.betas, weight_decay=optim.weight_decay
        )

    def update(self, examples: Sequence[Example], step: int) -> SftStats:
        """Learn from one batch; `step` counts from 1."""
        trees = trees_of(examples, self.train.micro_batch_tokens)
        loss = self.backward(trees)
        with self.world.watch("the clipping of gradients"):
            norm = full(torch.nn.utils.clip_grad_norm_(self.parameters, self.optim.max_grad_norm))
        if not torch.isfinite(norm):
            raise RunError("the gradient is not finite; lower optim.lr or use model.precision = 'fp32'")
        lr = learning_rate(self.optim, step, self.total_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        return SftStats(
            loss=loss,
            tokens_learned=sum(tree.num_learning for tree in trees),
            tokens_forward=sum(tree.num_tokens for tree in trees),
            grad_norm=float(norm),
            lr=lr,
        )

    def backward(self, trees: Sequence[TokenTree]) -> float:
        """Gradients of the batch's loss into `.grad`; returns the loss.

        Sharded weights are sent around in each forward, so all ranks run as many: one that has no trees left reads a
        tree that counts nothing.
        """
        num_learning = sum(tree.num_learning for tree in trees)
        self.optimizer.zero_grad(set_to_none=True)
        batches = self._share_of(trees)
        num_forwards = self.world.agree_max("the update", len(batches))
        recompute = gradient_checkpointing(self.model, enabled=self.train.gradient_checkpointing, trees=self.share)
        total = 0.0
        with self.world.watch("the update"), recompute:
            for batch in batches:
                loss = self._nll(batch, self.model)
                (loss / num_learning).backward()  # type: ignore[no-untyped-call]
                total += float(loss.detach())
            for _ in range(num_forwards - len(batches)):
                (0.0 * self._nll([_NO_TREE], self.model)).backward()  # type: ignore[no-untyped-call]
        return self.world.sum("the end of the update", [total])[0] / num_learning

    def held_out_loss(self, examples: Sequence[Example]) -> float:
        """Mean loss per completion token under the weights that the policy has now; NaN without examples."""
        trees = trees_of(examples, self.train.micro_batch_tokens)
        with torch.no_grad():
            total = sum(float(self._nll(batch, self.policy.model)) for batch in self._share_of(trees))
        total = self.world.sum("the held-out loss", [total])[0]
        return total / sum(tree.num_learning for tree in trees) if trees else math.nan

    def sync(self) -> None:
        """Give the policy the weights that train, as they are now."""
        with self.world.watch("the gathering of weights"):
            gather_into(self.policy.model, self.model)

    def take_weights(self) -> None:
        """Go on from the weights that the policy has now."""
        scatter_from(self.policy.model, self.model)

    def _share_of(self, trees: Sequence[TokenTree]) -> list[list[TokenTree]]:
        """The micro-batches of this process."""
        share = self.world.deal(trees, lambda tree: tree.num_tokens)
        return micro_batches(share, self.train.micro_batch_tokens)

    def _nll(self, trees: Sequence[TokenTree], model: PreTrainedModel) -> Tensor:
        """Negative log-likelihood, summed over the completion tokens of a micro-batch."""
        forward = TreeForward(trees, self.policy.device, share=self.share)
        with self.policy.autocast():
            logits = forward.logits(model)
        wide = logits if logits.dtype == torch.float64 else logits.float()
        return cross_entropy(wide, forward.targets.token_ids, reduction="sum")


def trees_of(examples: Sequence[Example], max_tokens: int) -> list[TokenTree]:
    """Examples as trees: those with equal prompts share a trunk, as far as the tree has room for `max_tokens`."""
    groups: list[list[Example]] = []
    open_groups: dict[TokenIds, int] = {}
    sizes: list[int] = []
    for example in examples:
        place = open_groups.get(example.prompt)
        if place is None or sizes[place] + len(example.completion) > max_tokens:
            open_groups[example.prompt] = len(groups)
            groups.append([example])
            sizes.append(example.num_tokens)
        else:
            groups[place].append(example)
            sizes[place] += len(example.completion)
    return [_tree(group[0].prompt, [example.completion for example in group]) for group in groups]


def micro_batches(trees: Sequence[TokenTree], max_tokens: int) -> list[list[TokenTree]]:
    """Trees in runs of at most `max_tokens` tokens (a single larger tree goes alone), alike shapes together.

    Attention pads branches to the longest and trees to the most branches of a micro-batch, so these order them.
    """
    batches: list[list[TokenTree]] = []
    room = 0
    for tree in sorted(trees, key=lambda t: (len(t.branches), max(len(b.token_ids) for b in t.branches), t.num_tokens)):
        if not batches or tree.num_tokens > room:
            batches.append([])
            room = max_tokens
        batches[-1].append(tree)
        room -= tree.num_tokens
    return batches


def learning_rate(optim: SftOptimConfig, step: int, total_steps: int) -> float:
    """Linear warm-up to the peak, then constant or a cosine to zero, which no step reaches; `step` counts from 1.

    >>> [round(learning_rate(SftOptimConfig(lr=1.0, warmup_share=0.4), step, 5), 3) for step in range(1, 6)]
    [0.5, 1.0, 1.0, 0.75, 0.25]
    """
    warmup = int(optim.warmup_share * total_steps)
    if step <= warmup:
        return optim.lr * step / warmup
    if optim.schedule == "constant":
        return optim.lr
    done = (step - 1 - warmup) / (total_steps - warmup)
    return optim.lr * 0.5 * (1.0 + math.cos(math.pi * done))


def _tree(prompt: TokenIds, completions: Sequence[TokenIds]) -> TokenTree:
    branches = tuple(
        TreeBranch(
            token_ids=ids,
            old_logprobs=(0.0,) * len(ids),
            advantages=(1.0,) * len(ids),
            learns=(True,) * len(ids),
            anchored=(False,) * len(ids),
        )
        for ids in completions
    )
    return TokenTree(trunk=prompt, trunk_anchored=(False,) * len(prompt), branches=branches)


_NO_TREE = _tree((0,), [(0,)])
"""What a process reads that has nothing to learn from."""
