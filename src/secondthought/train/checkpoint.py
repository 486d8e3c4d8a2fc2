"""What a run resumes from: weights, optimizer moments and position, without pickle.

    model.safetensors, config.json, tokenizer...       an ordinary `transformers` checkpoint, loadable anywhere;
    adapter_model.safetensors, adapter_config.json     with LoRA these two instead, as `peft` writes them
    optimizer.safetensors                              AdamW's moments and step counts, by parameter name
    trainer.json                                       step and counters

Sampling needs no state: its random numbers are hashes of step and problem. This is all that resuming needs.
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
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from secondthought.errors import PolicyError, RunError
from secondthought.policies.hf import HFPolicy, without_progress_bars
from secondthought.train.learner import Learner

OPTIMIZER = "optimizer.safetensors"
TRAINER = "trainer.json"


def save(directory: Path, policy: HFPolicy, learner: Learner, state: Mapping[str, Any]) -> None:
    """Write a checkpoint into an empty directory."""
    try:
        policy.save(directory)
        save_file(_moments(policy, learner), directory / OPTIMIZER)
    except SafetensorError as error:
        raise _as_os_error(error) from error
    (directory / TRAINER).write_text(json.dumps(dict(state)), encoding="utf-8")


def _as_os_error(error: SafetensorError) -> OSError:
    """What the disk said: safetensors keeps it in its text only."""
    found = re.search(r"\(os error (\d+)\)", str(error))
    return OSError(int(found[1]), os.strerror(int(found[1]))) if found else OSError(str(error))


def load(directory: Path, policy: HFPolicy, learner: Learner) -> dict[str, Any]:
    """Put a checkpoint's weights and moments into a policy and learner, and return its state.

    Raises:
        RunError: a file is missing, damaged, or of another model.
    """
    load_weights(directory, policy)
    try:
        moments = load_file(directory / OPTIMIZER)
        state = json.loads((directory / TRAINER).read_text(encoding="utf-8"))
        _restore(policy, learner, moments)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise _unreadable(directory, error) from error
    if not isinstance(state, dict):
        raise RunError(f"{directory / TRAINER}: is not an object; resume from another checkpoint")
    return state


def load_weights(directory: Path, policy: HFPolicy) -> None:
    """Put a checkpoint's weights into a policy.

    Raises:
        RunError: they are missing, damaged, or of another model.
    """
    try:
        if policy.adapter is not None:
            policy.adapter.restore(directory)
            return
        with without_progress_bars():
            saved = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, use_safetensors=True)
        policy.model.load_state_dict(saved.state_dict())
    except (PolicyError, OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise _unreadable(directory, error) from error


def _unreadable(directory: Path, error: Exception) -> RunError:
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return RunError(f"{directory}: cannot resume from this checkpoint: {first}")


def _named(policy: HFPolicy) -> list[tuple[str, torch.nn.Parameter]]:
    return [(name, p) for name, p in policy.model.named_parameters() if p.requires_grad]


def _moments(policy: HFPolicy, learner: Learner) -> dict[str, torch.Tensor]:
    moments = {}
    for name, parameter in _named(policy):
        for entry, value in learner.optimizer.state.get(parameter, {}).items():
            moments[f"{name}//{entry}"] = value.detach().to("cpu").clone().contiguous()
    return moments


def _restore(policy: HFPolicy, learner: Learner, moments: Mapping[str, torch.Tensor]) -> None:
    learner.optimizer.state.clear()
    for name, parameter in _named(policy):
        prefix = f"{name}//"
        entries = {key.removeprefix(prefix): value for key, value in moments.items() if key.startswith(prefix)}
        if entries:
            learner.optimizer.state[parameter] = {
                entry: value if entry == "step" else value.to(parameter.device) for entry, value in entries.items()
            }
