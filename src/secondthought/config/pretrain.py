"""Settings of continued pretraining; importing them never imports torch."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from secondthought.config.likelihood import LikelihoodConfig, LikelihoodOptimConfig, LikelihoodTrainConfig


class PretrainOptimConfig(LikelihoodOptimConfig):
    """AdamW."""

    lr: float = Field(1e-4, gt=0)
    """Peak learning rate."""
    warmup_share: float = Field(0.02, ge=0, lt=1)
    """Share of all steps in which the learning rate grows to its peak."""
    weight_decay: float = Field(0.1, ge=0)
    """Decoupled weight decay."""


class PretrainTrainConfig(LikelihoodTrainConfig):
    """Settings of a run's length and of what a step holds."""

    tokens: int | None = Field(None, ge=1)
    """Tokens to learn in all, to the token: arms of a study learn equally many. Default: `epochs` times the data."""
    epochs: int = Field(1, ge=1)
    """How often the data is learned from, unless `tokens` says otherwise."""
    batch_tokens: int = Field(32768, ge=1)
    """Tokens to learn per optimizer step, over all processes."""
    eval_every: int | None = Field(None, ge=1)
    """Steps between readings of the held-out documents. Default: a tenth of the run."""


class PretrainConfig(LikelihoodConfig):
    """A whole run of continued pretraining: which documents, by which model, and where it is written."""

    EXTENDS = LikelihoodConfig.EXTENDS
    MAY_CHANGE = LikelihoodConfig.MAY_CHANGE | {"train.eval_every"}

    data: tuple[str, ...] = ()
    """Files, folders or addresses of documents, as `corpora measure` reads them; rows have a `text`."""
    learn: Literal["all", "responses"] = "all"
    """Which tokens are learned: all, or those after a row's `prompt`, with which its `text` begins."""
    max_length: int = Field(2048, ge=2)
    """Most tokens that are read at once; longer documents are cut, and each token is learned once."""
    held_out: str | None = None
    """Documents whose perplexity is measured, in place of a share of `data`: the same ones for each arm of a study."""
    eval_share: float = Field(0.01, ge=0, lt=1)
    """Share of documents that is held out where `held_out` names none; its perplexity is measured before and after."""
    optim: PretrainOptimConfig = PretrainOptimConfig()
    train: PretrainTrainConfig = PretrainTrainConfig()

    @field_validator("data", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> PretrainConfig:
        if self.train.final == "best" and not (self.eval_share or self.held_out):
            raise ValueError("train.final = 'best' needs held-out documents to choose by; set eval_share or held_out")
        return self
