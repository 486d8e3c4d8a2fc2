"""Weights lie over the processes of a run: each trains a shard of every layer (FSDP2) and samples on a whole replica.

In a world of one nothing is wrapped or copied: the model that trains is the policy's own.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import PreTrainedModel

from secondthought.distributed.world import World


def trained(replica: PreTrainedModel, world: World) -> PreTrainedModel:
    """Return the model that trains: the replica in a world of one, else a copy of which each rank keeps its shard."""
    return replica if world.size == 1 else shard(copy.deepcopy(replica), world)


def shard(model: PreTrainedModel, world: World) -> PreTrainedModel:
    """Split the model, so that each rank keeps its shard from now on, and return it.

    Gradients are added up over the ranks, not averaged: losses are divided by counts over all ranks already.
    """
    if world.size == 1:
        return model
    mesh = init_device_mesh(model.device.type, (world.size,))
    with world.watch("the sharding of the model"):
        for layer in _layers(model):
            fully_shard(layer, mesh=mesh)
        fully_shard(model, mesh=mesh, reshard_after_forward=True)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_force_sum_reduction_for_comms(True)  # gloo cannot average
            module.set_gradient_divide_factor(1.0)
    return model


def full(tensor: Tensor) -> Tensor:
    """Return the whole of a tensor that may be sharded; all ranks must ask at the same time."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def shard_of(tensor: Tensor) -> Tensor:
    """Return what this process holds of a tensor that may be sharded."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def gather_into(replica: PreTrainedModel, sharded: PreTrainedModel) -> None:
    """Give a whole replica the weights that train, as they are now."""
    if replica is sharded:
        return
    with torch.no_grad():
        for whole, part in _pairs(replica, sharded):
            if part.requires_grad:
                whole.copy_(full(part))


def scatter_from(replica: PreTrainedModel, sharded: PreTrainedModel) -> None:
    """Give every shard its part of a replica that is the same on all ranks; nothing is sent."""
    if replica is sharded:
        return
    with torch.no_grad():
        for whole, part in _pairs(replica, sharded):
            if isinstance(part, DTensor):
                part.copy_(distribute_tensor(whole, part.device_mesh, part.placements, src_data_rank=None))


def _pairs(replica: nn.Module, sharded: nn.Module) -> list[tuple[Tensor, Tensor]]:
    return list(zip(replica.parameters(), sharded.parameters(), strict=True))


def _layers(model: nn.Module) -> list[nn.Module]:
    """List the decoder layers: modules that `transformers` says must stay whole on a device."""
    whole = {name for part in model.modules() for name in (getattr(part, "_no_split_modules", None) or ())}
    return [module for module in model.modules() if type(module).__name__ in whole]
