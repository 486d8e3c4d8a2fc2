"""Checkpoints hold what a run resumes from: weights, optimizer moments and position, without pickle.

    model.safetensors, config.json, tokenizer...       an ordinary `transformers` checkpoint, loadable anywhere;
    adapter_model.safetensors, adapter_config.json     with LoRA these two instead, as `peft` writes them,
    base_model.json                                    and the digest of the base's weights, see `policies.lora`
    optimizer/*.safetensors                            AdamW's moments and step counts, a file per process
    critic/weights, critic/optimizer                   with a critic: its weights and its moments, likewise
    trainer.json                                       step and counters

Sampling needs no state: its random numbers are hashes of step and problem. This is all that resuming needs, with any
number of processes: weights are written whole by rank 0, moments in shards that fit any world (`optimizer_state`).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import PreTrainedModel

from secondthought.errors import PolicyError, RunError, first_line
from secondthought.models.local import LocalModel, without_progress_bars
from secondthought.train import optimizer_state
from secondthought.train.optimizer_state import Optimized, Trained

OPTIMIZER = "optimizer"
CRITIC, WEIGHTS = "critic", "weights"
TRAINER = "trainer.json"


def save(
    directory: Path, policy: LocalModel, learner: Trained, state: Mapping[str, Any], *, critic: Optimized | None = None
) -> None:
    """Write a checkpoint into an empty directory. All ranks must call it.

    Raises:
        RunError: the model no longer says finite log-probabilities; the checkpoint before stays the last.
    """
    try:
        policy.require_finite()
    except PolicyError as error:
        raise RunError(f"step {state.get('step', '?')}: no checkpoint is written: {error}") from error
    try:
        if learner.world.is_first:
            policy.save(directory)
            (directory / TRAINER).write_text(json.dumps(dict(state)), encoding="utf-8")
            (directory / OPTIMIZER).mkdir(exist_ok=True)
            for part in () if critic is None else (WEIGHTS, OPTIMIZER):
                (directory / CRITIC / part).mkdir(parents=True, exist_ok=True)
        optimizer_state.save(directory / OPTIMIZER, learner)
        if critic is not None:
            optimizer_state.save_weights(directory / CRITIC / WEIGHTS, critic)
            optimizer_state.save(directory / CRITIC / OPTIMIZER, critic)
    except SafetensorError as error:
        raise _as_os_error(error) from error


def _as_os_error(error: SafetensorError) -> OSError:
    """Return what the disk said; safetensors keeps it in its text only."""
    found = re.search(r"\(os error (\d+)\)", str(error))
    return OSError(int(found[1]), os.strerror(int(found[1]))) if found else OSError(str(error))


def load(directory: Path, policy: LocalModel, learner: Trained, *, critic: Optimized | None = None) -> dict[str, Any]:
    """Put a checkpoint's weights and moments into a policy and learner, and return its state. All ranks must call it.

    Raises:
        RunError: a file is missing, damaged, or of another model.
    """
    load_weights(directory, policy)
    try:
        learner.take_weights()
        state = json.loads((directory / TRAINER).read_text(encoding="utf-8"))
        optimizer_state.load(directory / OPTIMIZER, learner)
        if critic is not None:
            optimizer_state.load_weights(directory / CRITIC / WEIGHTS, critic)
            optimizer_state.load(directory / CRITIC / OPTIMIZER, critic)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise _unreadable(directory, error) from error
    if not isinstance(state, dict):
        raise RunError(f"{directory / TRAINER}: is not an object; resume from another checkpoint")
    return state


def load_weights(directory: Path, policy: LocalModel) -> None:
    """Put a checkpoint's weights into a policy.

    Raises:
        RunError: they are missing, damaged, or of another model.
    """
    try:
        if policy.adapter is not None:
            policy.adapter.restore(directory)
            return
        policy.model.load_state_dict(_saved(directory, policy.model).state_dict())
    except (PolicyError, OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise _unreadable(directory, error) from error


def _saved(directory: Path, model: PreTrainedModel) -> PreTrainedModel:
    """Read a checkpoint by the class and the config of the model that is there: no code of the checkpoint is asked for.

    Raises:
        ValueError: weights are missing, which would be random numbers.
    """
    with without_progress_bars():
        saved, found = type(model).from_pretrained(
            directory, config=model.config, dtype=torch.float32, use_safetensors=True, output_loading_info=True
        )
    if missing := sorted(found.get("missing_keys", ())):
        raise ValueError(f"its weights lack {missing[0]}")
    restored: PreTrainedModel = saved
    return restored


def _unreadable(directory: Path, error: Exception) -> RunError:
    first = first_line(error)
    return RunError(f"{directory}: cannot resume from this checkpoint: {first}")
