"""The model that training must not drift from: a frozen copy, or the policy itself with its adapter switched off."""

from __future__ import annotations

import copy
from typing import Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from secondthought.policies.hf import HFPolicy
from secondthought.policies.lora import Adapter
from secondthought.policies.tree_forward import TreeForward
from secondthought.train.sharding import shard
from secondthought.train.world import World


class Reference(Protocol):
    """Gives the logits that a KL term compares with; it never learns."""

    def logits(self, forward: TreeForward) -> Tensor:
        """The reference's logits before each target, without a gradient."""
        ...


class FrozenCopy:
    """A second model in memory."""

    def __init__(self, model: PreTrainedModel) -> None:
        """The model that is given; `reference_of` gives a copy."""
        self.model = model.requires_grad_(False)

    def logits(self, forward: TreeForward) -> Tensor:
        """See `Reference.logits`."""
        with torch.no_grad():
            return forward.logits(self.model)


class AdapterOff:
    """The policy's own frozen weights: no second model is needed."""

    def __init__(self, model: PreTrainedModel, adapter: Adapter) -> None:
        self.model = model
        self.adapter = adapter

    def logits(self, forward: TreeForward) -> Tensor:
        """See `Reference.logits`."""
        with torch.no_grad(), self.adapter.switched_off():
            return forward.logits(self.model)


def reference_of(policy: HFPolicy, world: World) -> Reference:
    """The policy as it is now, or, where it has an adapter, its base model.

    A copy is sharded like the model that trains: a whole one on every rank would cost what sharding saves. With an
    adapter nothing is added, since every rank holds the base model anyway: in the replica that samples.
    """
    if policy.adapter is not None:
        return AdapterOff(policy.model, policy.adapter)
    return FrozenCopy(shard(copy.deepcopy(policy.model).requires_grad_(False), world))
