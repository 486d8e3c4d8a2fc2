"""Settings of what is played: the task, the model that plays it, and how a problem is played."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, field_validator, model_validator

from secondthought.config.base import Config
from secondthought.config.values import COLDEST, HOTTEST

PINNED_DATE = datetime.date(2024, 7, 26)
"""The default of `model.date`: a run that resumes tomorrow must see the same prompts. Llama 3's template has it too."""

Feedback: TypeAlias = Literal["failed", "reason", "detail"]
"""What a model is told of a failed try: that it failed, the verdict's reason, or the verdict's own sentence."""
TriesBy: TypeAlias = Literal["model", "base"]
"""Who writes first tries and retries: the model that learns, or the model without its adapter."""
RetrySees: TypeAlias = Literal["all", "reflection"]
"""What a retry has in sight: all that was said, or the problem and the reflection."""
REFLECTION_HERE = "{reflection}"
"""Stands in a note where the reflection goes."""


def _mixture(name: object) -> object:
    """Write a list of tasks as the name of their mixture."""
    return "+".join(name) if isinstance(name, (list, tuple)) and all(isinstance(one, str) for one in name) else name


class TaskConfig(Config):
    """Settings of the task: which problems are played."""

    name: Annotated[str, BeforeValidator(_mixture)] = "countdown"
    """A shipped task, `module:Class`, or the path of a JSONL file of questions and answers; several with + between, or
    as a list, are trained on together."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the task's own (`secondthought tasks show NAME` lists them); of several tasks, below their names."""
    seed: int = 0
    """Which problems of the split are drawn; never which split a problem belongs to."""
    train_problems: int = Field(4096, ge=1)
    """Size of the pool of training problems; a run that needs more goes through it again in another order."""


class LoraConfig(Config):
    """Low-rank adapters in place of full fine-tuning; needs the `lora` extra. Off unless `rank` is given."""

    rank: int = Field(0, ge=0)
    """Rank of the matrices that are trained beside each frozen weight; 0 trains the weights themselves."""
    alpha: float = Field(32.0, gt=0)
    """The product of both matrices is scaled by alpha / rank."""
    target_modules: tuple[str, ...] = Field(("all-linear",), min_length=1)
    """Names of layers, or of their last parts (`q_proj`); `all-linear` is every linear layer but the output head."""
    seed: int = 0
    """Of the first matrix; the second begins at zero, so that training begins at the base model exactly."""

    @model_validator(mode="after")
    def _ranked(self) -> LoraConfig:
        if not self.rank and (idle := self.changed()):
            raise ValueError(f"{', '.join(idle)} without a rank: there is no adapter then; set rank, or leave them out")
        return self


class ModelConfig(Config):
    """The policy and its precision."""

    path: str = "small"
    """A checkpoint directory, a GGUF file, a hub id, or the name of a shipped organism."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Both sampling and training run in it; bf16 is autocast, over fp32 weights where they learn."""
    device: str = "auto"
    """`auto` takes a GPU where there is one."""
    trust_remote_code: bool = False
    """Run Python code that the checkpoint brings. Only for authors whom you trust."""
    keep_thinking: bool = False
    """Use a template that rewrites earlier turns (drops thinking) anyway, keeping the ids as they were sampled."""
    # Not written where they are as they always were: the settings of older runs stay equal to themselves.
    chat_template: str | None = Field(None, exclude_if=lambda given: given is None)
    """A Jinja file in place of the tokenizer's chat template, or the name of one where it has several."""
    template_options: dict[str, Any] = Field(default_factory=dict, exclude_if=lambda given: not given)
    """Variables of the chat template, such as `{ enable_thinking = false }` for Qwen3."""
    date: datetime.date = Field(PINNED_DATE, exclude_if=lambda given: given == PINNED_DATE)
    """What a chat template is told when it asks for the date, today as tomorrow, so that prompts stay the same."""
    lora: LoraConfig = Field(LoraConfig(), exclude_if=lambda lora: lora == LoraConfig())
    """Low-rank adapters; their dropout is 0, since sampling and training must compute the same."""


class EpisodeConfig(Config):
    """Settings of an episode: how a problem is played."""

    reflection_request: str | None = None
    """The user turn after a failed attempt; default: the task's own, as quoted from the paper."""
    retry_request: str | None = None
    """The user turn after a reflection; default: a bare request to try again (the paper's is not published)."""
    repeat_task: bool = True
    """Append the problem's text to the retry request. Unpublished in the paper; the attempt stays in context anyway."""
    max_attempt_tokens: int = Field(256, ge=1)
    """Longest first try and retry, in tokens."""
    max_reflection_tokens: int = Field(128, ge=1)
    """Longest reflection, in tokens."""
    temperature: float = Field(1.0, ge=COLDEST, le=HOTTEST)
    """Sampling temperature in training. Losses use the same one, so importance ratios are unbiased."""
    # Not written where they are the defaults: the settings of runs begun before there were they stay equal.
    feedback: Feedback = Field("failed", exclude_if=lambda said: said == "failed")
    """Told of a failed try: that it failed, as published; the verdict's reason; the task's own sentence (`detail`)."""
    retry_sees: RetrySees = Field("all", exclude_if=lambda seen: seen == "all")
    """`all`: the conversation, as published. `reflection`: the problem and a note; the failed try is left out."""
    tries_by: TriesBy = Field("model", exclude_if=lambda who: who == "model")
    """`base`: with LoRA, tries are the base model's and the adapter only reflects, so that no try can get worse."""
    note: str | None = Field(None, exclude_if=lambda text: text is None)
    """With `retry_sees = "reflection"`: the words after the problem, `{reflection}` in them; default: a short note."""

    @field_validator("note")
    @classmethod
    def _holds_the_reflection(cls, note: str | None) -> str | None:
        if note is not None and note.count(REFLECTION_HERE) != 1:
            raise ValueError(f"must hold {REFLECTION_HERE} once, where the reflection goes; nothing else shows it")
        return note
