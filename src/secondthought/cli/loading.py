"""Commands load what they name here: tasks, also of the current directory, and policies, `scripted` among them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from secondthought import tasks
from secondthought.cli.asking import is_served
from secondthought.config import LoraConfig, ModelConfig
from secondthought.errors import PolicyError, RunError
from secondthought.inference.chat.address import shown
from secondthought.inference.chat.endpoint import Endpoint
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.progress import SILENT, Onlooker
from secondthought.protocols import Policy, Task
from secondthought.requirements import Draw, Plan
from secondthought.runs.checkpoints import Pointer
from secondthought.runs.directory import RunDirectory, is_run
from secondthought.tasks.countdown.script import countdown_answers
from secondthought.types import Split

SCRIPTED = "scripted"
"""Plays Countdown by a script that cheats: for trying commands out, never a result."""
FIXED_BY_PLACE: Mapping[str, Any] = MappingProxyType({"model.path": "", "model.lora": LoraConfig()})
"""For `parse`, in commands that name their model by place and train nothing: an untrained adapter changes nothing."""


def load_task(name: str, options: Mapping[str, Any] | None = None) -> Task:
    """Return the task of that name (see `secondthought.tasks.load`); `module:Class` may live in the current directory.

    Its module stays imported, so whoever loads the task later in this process finds it too.

    Raises:
        TaskError: there is no such task, or its own code fails.
    """
    with current_directory():
        return tasks.load(name, options)


@contextmanager
def current_directory() -> Iterator[None]:
    """Let modules of the current directory be imported, after all others, so that none is shadowed."""
    here = os.getcwd()
    sys.path.append(here)
    try:
        yield
    finally:
        sys.path.remove(here)


def measuring(
    models: Sequence[str], tasks: Sequence[Task], split: Split, problems: int, seed: int, *, default: int
) -> Plan:
    """Return what a command is about to use that measures models on problems of tasks."""
    draws = (
        Draw(task=task, split=split, count=problems, seed=seed, field="--problems", default=default) for task in tasks
    )
    here = (path for path in models if path != SCRIPTED and not is_served(path))
    return Plan(draws=tuple(draws), models={f"model {path}": _weights_of(path) for path in here})


def loader(
    model: ModelConfig, endpoints: Mapping[str, Endpoint], threads: int | None, onlooker: Onlooker
) -> Callable[[str], Policy]:
    """Return what makes a policy of a name on the command line: the model's settings fit all that are loaded here."""

    def load(path: str) -> Policy:
        if path in endpoints:
            from secondthought.inference.chat.served_model import EndpointPolicy  # HTTP, where somebody is asked

            return EndpointPolicy(endpoints[path])
        return load_policy(model.model_copy(update={"path": path}), threads, onlooker)

    return load


def load_policy(config: ModelConfig, threads: int | None = None, onlooker: Onlooker = SILENT) -> Policy:
    """Return the policy that `config.path` names, of a run the one that it was measured with.

    `threads` limits torch, the onlooker is told how far loading is.

    Raises:
        PolicyError: there is no such model, or it cannot be used.
    """
    if is_served(config.path):
        where = shown(config.path)
        raise PolicyError(f"{where}: `eval` and `forget` alone take a model that is served; name one that is here")
    if config.path == SCRIPTED:
        return ScriptedPolicy(countdown_answers(), name=SCRIPTED)
    config = config.model_copy(update={"path": _weights_of(config.path)})
    with onlooker.stage("loading torch"):
        import torch  # here, so that parsing, --help and the script do without

        from secondthought.inference import loading

    if threads is not None:
        torch.set_num_threads(threads)
    return loading.load_policy(config, onlooker, learns=False)


def _weights_of(path: str) -> str:
    """Return where the weights lie that a model's name means: those of a run, or the name itself."""
    return str(checkpoint_of(Path(path))) if is_run(Path(path)) else path


def checkpoint_of(path: Path, which: Pointer | None = None) -> Path:
    """Return the checkpoint that a run points at, or any other directory itself.

    Args:
        path: a run directory, or one with a model.
        which: of a run of RL the best or the last; default: the one that was evaluated, of a fine-tuning its model.

    Raises:
        RunError: the run has no such checkpoint yet.
    """
    if not is_run(path):
        return path
    run = RunDirectory.open(path)
    evaluated = run.summary().get("checkpoint")
    if which is None and isinstance(evaluated, str) and (path / evaluated).is_dir():
        return path / evaluated
    found = run.checkpoints.pointer(which or "best")
    if found is None:
        raise RunError(f"{path}: this run has no {which or 'best'} checkpoint yet; let it write one first")
    return run.checkpoints.at(int(found["step"]))
