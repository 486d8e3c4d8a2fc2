"""An optimizer's state and a critic's weights on disk: each process writes its shards, any number reads them again.

By `torch.distributed.checkpoint` in safetensors, named PARAMETER//ENTRY: no pickle, and no process ever holds it all.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load as load_state
from torch.distributed.checkpoint.state_dict_saver import save as save_state
from transformers import PreTrainedModel

from secondthought.distributed.world import World

BETWEEN = "//"


class Optimized(Protocol):
    """A model that trains, which each process may hold a shard of, and its optimizer."""

    world: World
    model: PreTrainedModel
    optimizer: torch.optim.AdamW


class Trained(Optimized, Protocol):
    """A learner as a checkpoint sees it: the model that trains and its optimizer."""

    def take_weights(self) -> None:
        """Go on from the weights that the policy has now."""
        ...


def save(directory: Path, learner: Optimized) -> None:
    """Write the moments; before the first update there are none. All ranks must call it.

    Raises:
        OSError: the disk refuses.
    """
    state = {
        f"{name}{BETWEEN}{entry}": value
        for name, parameter in _named(learner)
        for entry, value in learner.optimizer.state.get(parameter, {}).items()
    }
    if state:
        with learner.world.watch("the saving of a checkpoint"), _plain_errors():
            writer = HuggingFaceStorageWriter(str(directory), save_distributed=True)
            save_state(state, storage_writer=writer, no_dist=learner.world.size == 1)


def load(directory: Path, learner: Optimized) -> None:
    """Put saved moments into the learner's optimizer. All ranks must call it.

    Raises:
        OSError, ValueError, RuntimeError: a file is missing, damaged, or of another model.
    """
    learner.optimizer.state.clear()
    reader = HuggingFaceStorageReader(str(directory))
    with _plain_errors():
        known = reader.read_metadata().state_dict_metadata
    state: dict[str, Tensor] = {}
    for name, parameter in _named(learner):
        prefix = name + BETWEEN
        for key in (key for key in known if key.startswith(prefix)):
            entry = key.removeprefix(prefix)
            value = torch.zeros(()) if entry == "step" else torch.zeros_like(parameter)
            _require_whole(key, known[key], value)
            state[key] = learner.optimizer.state[parameter][entry] = value
    if not state:
        return
    with learner.world.watch("the reading of a checkpoint"), _plain_errors():
        load_state(state, storage_reader=reader, no_dist=learner.world.size == 1)


def save_weights(directory: Path, learner: Optimized) -> None:
    """Write what trains of a model, each process its shard. All ranks must call it.

    Raises:
        OSError: the disk refuses.
    """
    state = {name: parameter.detach() for name, parameter in _named(learner)}
    with learner.world.watch("the saving of a checkpoint"), _plain_errors():
        writer = HuggingFaceStorageWriter(str(directory), save_distributed=True)
        save_state(state, storage_writer=writer, no_dist=learner.world.size == 1)


def load_weights(directory: Path, learner: Optimized) -> None:
    """Read what `save_weights` wrote into the model. All ranks must call it.

    Raises:
        OSError, ValueError, RuntimeError, KeyError: a file is missing, damaged, or of another model.
    """
    reader = HuggingFaceStorageReader(str(directory))
    with _plain_errors():
        known = reader.read_metadata().state_dict_metadata
    state = {name: parameter.detach() for name, parameter in _named(learner)}
    for name, value in state.items():
        _require_whole(name, known.get(name), value)
    with learner.world.watch("the reading of a checkpoint"), _plain_errors():
        load_state(state, storage_reader=reader, no_dist=learner.world.size == 1)


def _named(learner: Optimized) -> Iterator[tuple[str, torch.nn.Parameter]]:
    return ((name, parameter) for name, parameter in learner.model.named_parameters() if parameter.requires_grad)


def _require_whole(key: str, known: object, wanted: Tensor) -> None:
    """Refuse a state with a shard missing, which would otherwise be read as zeros."""
    chunks = known.chunks if isinstance(known, TensorStorageMetadata) else []
    if sum(math.prod(chunk.sizes) for chunk in chunks) != wanted.numel():
        raise ValueError(f"{key} is not whole, or is of another model")


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Raise the error behind torch's own, which is no `Exception` and holds every rank's."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "torch.distributed is (disabled|unavailable|uninit)", UserWarning)
            yield
    except CheckpointException as error:
        first = next(iter(error.failures.values()))[0]
        raise (first if isinstance(first, Exception) else RuntimeError(str(first))) from None
