"""Settings of supervised fine-tuning; importing them never imports torch, and the defaults are the paper's."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from secondthought.config.base import completed
from secondthought.config.likelihood import LikelihoodConfig, LikelihoodTrainConfig


class SftTrainConfig(LikelihoodTrainConfig):
    """Settings of a run's length and of what a step holds."""

    epochs: int = Field(5, ge=1)
    """How often every example is learned from, unless `steps` says otherwise."""
    steps: int | None = Field(None, ge=1)
    """Optimizer steps in place of epochs."""
    batch_size: int = Field(64, ge=1)
    """Examples per optimizer step, over all processes."""
    drop_last: bool = False
    """Leave out the last, smaller batch of each epoch; otherwise it is a step like any other."""
    keep_epochs: bool = False
    """Keep the checkpoint of every epoch; otherwise only the best and the last."""


class SftConfig(LikelihoodConfig):
    """A whole run of supervised fine-tuning: what is learned, by which model, and where it is written."""

    EXTENDS = LikelihoodConfig.EXTENDS | {"train.steps", "train.epochs"}
    MAY_CHANGE = LikelihoodConfig.MAY_CHANGE | EXTENDS | {"train.keep_epochs"}

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
    return completed(SftConfig, data, source=source)
