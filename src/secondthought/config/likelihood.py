"""Settings that every training by likelihood has, whatever texts are given."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from secondthought.config.base import Config
from secondthought.config.play import ModelConfig
from secondthought.config.values import Moments, Seconds, Threads, require_steady


class LikelihoodOptimConfig(Config):
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
    def _steady(self) -> LikelihoodOptimConfig:
        require_steady(self.lr, self.weight_decay)
        return self


class LikelihoodTrainConfig(Config):
    """Settings of how a step is computed and what is kept of a run."""

    micro_batch_tokens: int = Field(16384, ge=1)
    """Most tokens (prompts + completions) per forward; changes memory and speed, not the gradient."""
    share_trunk: bool = True
    """Pack examples into one row and compute equal prompts once. False is the slow reference path."""
    gradient_checkpointing: bool = False
    """Keep only each layer's input for the backward and compute the rest again: less memory, more time."""
    checkpoint_every: int | None = Field(None, ge=1)
    """Also keep a checkpoint to resume from every so many steps; there is one wherever held-out texts are read."""
    final: Literal["last", "best"] = "last"
    """Which weights `model/` holds at the end: the last, or those with the lowest held-out loss."""
    timeout_s: Seconds = 1800.0
    """With several processes: how long one waits for another before it ends the run and names who is missing."""


class LikelihoodConfig(Config):
    """Settings of a run, but for its data and its length."""

    EXTENDS = frozenset({"train.final"})
    MAY_CHANGE = EXTENDS | {
        "run_dir",
        "threads",
        "train.checkpoint_every",
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
    model: ModelConfig = ModelConfig()
    optim: LikelihoodOptimConfig = LikelihoodOptimConfig()
    train: LikelihoodTrainConfig = LikelihoodTrainConfig()
