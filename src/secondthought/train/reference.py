"""The model that training must not drift from: a frozen copy, or the policy itself without what its adapter learns."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from secondthought.distributed.sharding import shard
from secondthought.distributed.world import World
from secondthought.models.local import LocalModel
from secondthought.models.lora import Adapter
from secondthought.models.tree_forward import TreeForward


class Reference(Protocol):
    """Gives the log-probabilities that a KL term compares with; it never learns."""

    def logprobs(self, forward: TreeForward, temperature: float) -> Tensor:
        """Compute the reference's log-probability of each target, without a gradient."""
        ...


class FrozenCopy:
    """A second model in memory."""

    def __init__(self, model: PreTrainedModel) -> None:
        """Hold the model that is given; `reference_of` gives a copy."""
        self.model = model.requires_grad_(False)

    def logprobs(self, forward: TreeForward, temperature: float) -> Tensor:
        """See `Reference.logprobs`."""
        with torch.no_grad():
            return forward.scores(self.model, temperature=temperature).logprobs


class AdapterOff:
    """The policy's own frozen weights: no second model is needed."""

    def __init__(self, model: PreTrainedModel, adapter: Adapter) -> None:
        self.model = model
        self.adapter = adapter

    def logprobs(self, forward: TreeForward, temperature: float) -> Tensor:
        """See `Reference.logprobs`."""
        with torch.no_grad(), self.adapter.switched_off():
            return forward.scores(self.model, temperature=temperature).logprobs


class AdapterBefore:
    """The policy with its adapter as it was when the run began: of a primed model the base is not where it began."""

    def __init__(self, model: PreTrainedModel) -> None:
        """Keep the adapter's matrices, the only parameters that train; the rest is the model's own."""
        self.model = model
        self.before = [(p, p.detach().clone()) for p in model.parameters() if p.requires_grad]

    def logprobs(self, forward: TreeForward, temperature: float) -> Tensor:
        """See `Reference.logprobs`."""
        with torch.no_grad(), self._put_back():
            return forward.scores(self.model, temperature=temperature).logprobs

    @contextmanager
    def _put_back(self) -> Iterator[None]:
        """Put other storage under the same parameters; written in place, it would spoil graphs that await backward."""
        now = [parameter.data for parameter, _ in self.before]
        try:
            for parameter, value in self.before:
                parameter.data = value
            yield
        finally:
            for (parameter, _), value in zip(self.before, now, strict=True):
                parameter.data = value


def reference_of(policy: LocalModel, world: World) -> Reference:
    """Build a reference that stays the policy as it is now.

    A copy is sharded like the model that trains: a whole one on every rank would cost what sharding saves. With an
    adapter no second model is kept, since every rank holds the base model anyway: in the replica that samples. A new
    adapter is switched off; of one that was trained before, the matrices are kept as they are.
    """
    if policy.adapter is None:
        return FrozenCopy(shard(copy.deepcopy(policy.model).requires_grad_(False), world))
    return AdapterOff(policy.model, policy.adapter) if _is_new(policy.model) else AdapterBefore(policy.model)


def _is_new(model: PreTrainedModel) -> bool:
    """Return whether the adapter adds nothing yet: its second matrices begin at zero."""
    return not any(bool(value.any()) for name, value in model.named_parameters() if ".lora_B." in name)
