"""Settings of supervised fine-tuning; importing them never imports torch, and the defaults are the paper's."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from secondthought.config import Config, ModelConfig, describe
from secondthought.config.values import Moments, Seconds, Threads, require_steady
from secondthought.errors import ConfigError


class SftOptimConfig(Config):
    """AdamW."""

    lr: float = Field(1e-5, gt=0)
    """Peak learning rate."""
    warmup_share: float = Field(0.1, ge=0, lt=1)
    """Share of all steps in which the learning rate grows to its peak."""
    schedule: Literal["constant", "cosine"] = "cosine"
    """After the warm-up: constant, or cosine to zero."""
    weight_decay: float = Field(0.01, ge=0)
    """Decoupled weight decay."""
    betas: Moments = (0.9, 0.95)
    """AdamW moments."""
    max_grad_norm: float = Field(1.0, gt=0)
    """Gradients are scaled down to this norm."""

    @model_validator(mode="after")
    def _steady(self) -> SftOptimConfig:
        require_steady(self.lr, self.weight_decay)
        return self


class SftTrainConfig(Config):
    """Settings of a run's length and of what a step holds."""

    epochs: int = Field(5, ge=1)
    """How often every example is learned from, unless `steps` says otherwise."""
    steps: int | None = Field(None, ge=1)
    """Optimizer steps in place of epochs."""
    batch_size: int = Field(64, ge=1)
    """Examples per optimizer step, over all processes."""
    drop_last: bool = False
    """Leave out the last, smaller batch of each epoch; otherwise it is a step like any other."""
    micro_batch_tokens: int = Field(16384, ge=1)
    """Most tokens (prompts + completions) per forward; changes memory and speed, not the gradient."""
    share_trunk: bool = True
    """Pack examples into one row and compute equal prompts once. False is the slow reference path."""
    gradient_checkpointing: bool = False
    """Keep only each layer's input for the backward and compute the rest again: less memory, more time."""
    checkpoint_every: int | None = Field(None, ge=1)
    """Also keep a checkpoint to resume from every so many steps; there is one after each epoch anyway."""
    keep_epochs: bool = False
    """Keep the checkpoint of every epoch; otherwise only the best and the last."""
    final: Literal["last", "best"] = "last"
    """Which weights `model/` holds at the end: the last, or those with the lowest held-out loss."""
    timeout_s: Seconds = 1800.0
    """With several processes: how long one waits for another before it ends the run and names who is missing."""


class SftConfig(Config):
    """A whole run of supervised fine-tuning: what is learned, by which model, and where it is written."""

    EXTENDS = frozenset({"train.steps", "train.epochs", "train.final"})
    MAY_CHANGE = EXTENDS | {
        "run_dir",
        "threads",
        "train.checkpoint_every",
        "train.keep_epochs",
        "train.micro_batch_tokens",
        "train.gradient_checkpointing",
        "train.timeout_s",
    }

    run_dir: Path = Path("runs/latest")
    """Where everything is written; a used directory is refused unless `--resume` or `--overwrite`."""
    seed: int = 0
    """Of data order and of the held-out share."""
    threads: Threads | None = None
    """CPU threads of torch; default: all cores."""
    data: Path | None = None
    """JSON lines: {"messages" or "prompt" or "problem", "completion"}."""
    task: str | None = None
    """Gives the messages of rows that hold a "problem": a shipped task, `module:Class`, or a .jsonl file's path."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the task's own."""
    max_length: int = Field(2048, ge=2)
    """Longest example: prompt, completion and end token, in tokens. Nothing is ever cut short."""
    too_long: Literal["refuse", "drop"] = "refuse"
    """Examples longer than that: refuse the file, or leave them out and say how many."""
    eval_share: float = Field(0.0, ge=0, lt=1)
    """Share of prompts that is held out: its loss is measured before training and after each epoch."""
    model: ModelConfig = ModelConfig()
    optim: SftOptimConfig = SftOptimConfig()
    train: SftTrainConfig = SftTrainConfig()

    @model_validator(mode="after")
    def _consistent(self) -> SftConfig:
        if self.train.final == "best" and not self.eval_share:
            raise ValueError("train.final = 'best' needs a held-out share to choose by; set eval_share")
        if self.options and self.task is None:
            raise ValueError("options are those of a task; name it with task, or leave them out")
        return self


def resolve_sft(data: dict[str, Any], *, source: str) -> SftConfig:
    """Complete a config from sparse data.

    Raises:
        ConfigError: a key is unknown or a value is out of range; the sentence names each field.
    """
    try:
        return SftConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{source}: {describe(error)}") from None
