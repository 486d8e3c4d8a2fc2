"""Requirements of a command that can be known beforehand are checked before any work, and all shortfalls named at once.

A new check is a function in `CHECKS`; commands say what they are about to use (`Plan`). Torch is not needed.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from secondthought.config import EvalConfig, RunConfig, TaskConfig, TrainConfig
from secondthought.errors import SecondthoughtError, TaskError
from secondthought.models.gguf.header import is_gguf, read_header
from secondthought.models.shipped import resolve, why_missing
from secondthought.protocols import Task
from secondthought.tasks.abilities import SizedTask
from secondthought.types import Problem, Split

CHECKPOINTS = 3
"""Best, last, and the one that is being written."""
_STATE = 3
"""Bytes of a checkpoint (weights and two moments in fp32) over the least bytes that its weights can be kept in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A `Draw` asks for so many problems of a split; where that is the `default`, a smaller file gives all it holds."""

    task: Task
    split: Split
    count: int
    seed: int
    field: str
    default: int | None = None
    _drawn: list[tuple[Problem, ...]] = dataclasses.field(default_factory=list, init=False, repr=False, compare=False)

    def problems(self) -> list[Problem]:
        """Draw them, once: the check beforehand and the run itself get the same, and search for them a single time.

        Raises:
            TaskError: the split holds fewer, and that many were asked for.
        """
        try:
            if not self._drawn:
                self._drawn.append(tuple(self.task.problems(self.split, self.number(), self.seed)))
            return list(self._drawn[0])
        except TaskError as error:
            raise TaskError(f"{error}; lower {self.field} ({self.count})") from None

    def number(self) -> int:
        """Return how many problems that is."""
        if self.count != self.default or not isinstance(self.task, SizedTask):
            return self.count
        return max(1, min(self.count, self.task.held(self.split)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A `Plan` says what a command is about to use."""

    draws: tuple[Draw, ...] = ()
    models: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Paths by the setting that names them."""
    files: Mapping[str, Path] = dataclasses.field(default_factory=dict)
    """Files that are read, likewise."""
    tokens: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """Most tokens of a turn, by setting; its prompt comes on top."""
    checkpoints_in: Path | None = None
    """Where whole models are saved with their optimizer."""


def draws_of(config: RunConfig, task: Task) -> tuple[Draw, ...]:
    """Return the problems that a training run needs: to train on, to choose the best by, to be measured on."""
    seed = config.task.seed
    asked: tuple[tuple[Split, int, str, int], ...] = (
        ("train", config.task.train_problems, "task.train_problems", _default(TaskConfig, "train_problems")),
        ("validation", config.train.eval_problems, "train.eval_problems", _default(TrainConfig, "eval_problems")),
        ("test", config.evaluation.problems, "evaluation.problems", _default(EvalConfig, "problems")),
    )
    return tuple(
        Draw(task=task, split=split, count=count, seed=seed, field=name, default=default)
        for split, count, name, default in asked
    )


def files_of(config: RunConfig) -> dict[str, Path]:
    """Return the files that a training run reads besides its task's, by the setting that names them."""
    return {} if config.train.failures is None else {"train.failures": config.train.failures}


def plan_of(config: RunConfig, task: Task) -> Plan:
    """Return what a training run is about to use."""
    peers = {f"evaluation.peers.{name}": path for name, path in config.evaluation.peers.items()}
    whole = not config.model.lora.rank
    return Plan(
        draws=draws_of(config, task),
        models={"model.path": config.model.path, **peers},
        files=files_of(config),
        tokens={
            f"episode.{name}": getattr(config.episode, name) for name in ("max_attempt_tokens", "max_reflection_tokens")
        },
        checkpoints_in=config.run_dir if whole else None,
    )


def require(plan: Plan) -> None:
    """Refuse a plan that cannot be carried out.

    Raises:
        SecondthoughtError: something is missing or does not fit; the sentence names all of it.
    """
    if found := shortfalls(plan):
        raise SecondthoughtError("; ".join(found))


def shortfalls(plan: Plan) -> list[str]:
    """Return a sentence for each thing that is missing or does not fit."""
    return [sentence for check in CHECKS for sentence in check(plan)]


def _splits(plan: Plan) -> Iterator[str]:
    for draw in plan.draws:
        try:
            draw.problems()
        except TaskError as error:
            yield str(error)


def _models(plan: Plan) -> Iterator[str]:
    for name, path in plan.models.items():
        if reason := why_missing(path):
            yield f"{name}: {reason}" if name.endswith(path) else f"{name}: {path}: {reason}"


def _files(plan: Plan) -> Iterator[str]:
    for name, path in plan.files.items():
        if not path.expanduser().is_file():
            yield f"{name}: {path}: no such file"


def _lengths(plan: Plan) -> Iterator[str]:
    """Compare each turn by itself with the model's positions: what its prompt adds is seen when that is tokenized."""
    for name, path in plan.models.items() if plan.tokens else ():
        limit = _positions(path)
        for setting, tokens in plan.tokens.items():
            if limit is not None and tokens >= limit:
                yield f"{name}: {path}: {setting} ({tokens}) leaves no prompt in its {limit} positions; lower it"


def _disk(plan: Plan) -> Iterator[str]:
    if plan.checkpoints_in is None or "model.path" not in plan.models:
        return
    weights = _least_bytes(plan.models["model.path"])
    where = next(path for path in (plan.checkpoints_in, *plan.checkpoints_in.absolute().parents) if path.exists())
    needed, free = CHECKPOINTS * _STATE * weights, shutil.disk_usage(where).free
    if needed > free:
        yield (
            f"run_dir: {plan.checkpoints_in}: {CHECKPOINTS} checkpoints of weights and optimizer take at least"
            f" {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free; free some, or set model.lora.rank"
        )


Check: TypeAlias = Callable[[Plan], Iterator[str]]

CHECKS: tuple[Check, ...] = (_models, _files, _splits, _lengths, _disk)
"""Every check that there is, in the order of the sentence."""


def _directory(path: str) -> Path:
    return Path(resolve(path)).expanduser()


def _least_bytes(path: str) -> int:
    """Return the bytes of a model's weights here, or as many as they take at two bytes a number."""
    if is_gguf(path):
        return sum(2 * tensor.count for tensor in read_header(path).tensors.values())
    return sum(file.stat().st_size for file in _directory(path).glob("*.safetensors"))


def _positions(path: str) -> int | None:
    """Read how many positions a local checkpoint has; None where its config does not say."""
    if is_gguf(path):
        return None if why_missing(path) else read_header(path).setting("context_length", int)
    try:
        config = json.loads((_directory(path) / "config.json").read_text(encoding="utf-8"))
        found = {**config, **(config.get("text_config") or {})}.get("max_position_embeddings")
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    return found if isinstance(found, int) else None


def _default(kind: type[TaskConfig] | type[TrainConfig] | type[EvalConfig], name: str) -> int:
    return int(kind.model_fields[name].default)
