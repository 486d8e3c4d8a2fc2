"""The training of a shipped model from nothing: next-token imitation of generated transcripts, no reward anywhere.

The architecture is Llama's and not Qwen2's: for `model_type` qwen2, transformers 5 ignores `tokenizer_class` and
rebuilds every tokenizer as Qwen2's own, which cuts numbers into digits.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from secondthought.organisms.batches import Batch, batches
from secondthought.organisms.recipe import Recipe, recipe
from secondthought.organisms.tokenizer import build_tokenizer
from secondthought.progress import SILENT, Onlooker, each
from secondthought.rl import schedule as shape
from secondthought.rng import key
from secondthought.runs import files

MAX_POSITIONS = 2048
_INITIAL_DEVIATION = 0.02
_LAST_SHARE_OF_LR = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildProgress:
    """`BuildProgress` tells where a build stands; `loss` is the mean since the last report, in nats per token."""

    step: int
    steps: int
    loss: float
    lr: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """A `BuildReport` says what a build made and what it took."""

    size: str
    path: Path
    num_parameters: int
    steps: int
    num_tokens: int
    final_loss: float
    seconds: float


def build(
    size: str,
    out: Path,
    *,
    steps: int | None = None,
    seed: int | None = None,
    precision: str = "bf16",
    report_every: int = 50,
    save_every: int = 1000,
    progress: Callable[[BuildProgress], None] | None = None,
    onlooker: Onlooker = SILENT,
) -> BuildReport:
    """Train an organism and write it as an ordinary bf16 checkpoint with tokenizer and chat template.

    Every `save_every` steps a checkpoint is written beside `out`, with `.unfinished` at the end of its name: a build
    that is stopped leaves one, and nobody takes it for a whole one.

    Args:
        size: a key of `recipe.RECIPES`.
        out: directory of the checkpoint.
        steps: optimizer steps in place of the recipe's; the schedule is stretched to them.
        seed: of weights and corpus in place of the recipe's.
        precision: `bf16` computes under autocast, `fp32` without.
        report_every: steps between calls of `progress`.
        save_every: steps between checkpoints.
        progress: takes where the build stands.
        onlooker: who is told of each step.

    Raises:
        ConfigError: there is no such size.
    """
    chosen = recipe(size)
    num_steps, chosen_seed = steps or chosen.steps, chosen.seed if seed is None else seed
    tokenizer = build_tokenizer(chosen.words)
    model = new_model(chosen, tokenizer, seed=chosen_seed)
    optimizer = _optimizer(model, chosen)
    losses, num_tokens = _Losses(num_steps, report_every, progress), 0
    data = islice(_source(chosen, tokenizer, chosen_seed, num_steps), num_steps)
    for step, batch in enumerate(each(data, "steps", onlooker, num_steps), 1):
        lr = learning_rate(chosen, step, num_steps)
        losses.add(step, lr, _update(model, optimizer, batch, lr, chosen, precision))
        num_tokens += batch.ids.numel()
        _save_where_due(model, tokenizer, out, step, save_every, is_last=step == num_steps)
    return _report_of(size, out, model, num_steps, num_tokens, losses)


def _save_where_due(
    model: LlamaForCausalLM, tokenizer: Any, out: Path, step: int, every: int, *, is_last: bool
) -> None:
    if is_last:
        _save(model, tokenizer, out)
        files.remove(_unfinished(out))
    elif step % every == 0:
        _save(model, tokenizer, _unfinished(out))


def _report_of(
    size: str, out: Path, model: LlamaForCausalLM, num_steps: int, num_tokens: int, losses: _Losses
) -> BuildReport:
    return BuildReport(
        size=size,
        path=out,
        num_parameters=sum(p.numel() for p in model.parameters()),
        steps=num_steps,
        num_tokens=num_tokens,
        final_loss=losses.mean,
        seconds=losses.seconds,
    )


class _Losses:
    """`_Losses` holds the mean loss since the last report, and reports it when one is due."""

    def __init__(self, steps: int, every: int, progress: Callable[[BuildProgress], None] | None) -> None:
        self.steps, self.every, self.progress = steps, every, progress
        self.mean, self._sum, self._started = math.nan, 0.0, time.monotonic()

    @property
    def seconds(self) -> float:
        """Return the time since the first step began."""
        return time.monotonic() - self._started

    def add(self, step: int, lr: float, loss: float) -> None:
        """Count the loss of one step in."""
        self._sum += loss
        if step % self.every and step != self.steps:
            return
        self.mean, self._sum = self._sum / ((step - 1) % self.every + 1), 0.0
        if self.progress:
            seconds = self.seconds
            self.progress(BuildProgress(step=step, steps=self.steps, loss=self.mean, lr=lr, seconds=seconds))


def new_model(chosen: Recipe, tokenizer: Any, *, seed: int) -> LlamaForCausalLM:
    """Build an untrained model; its weights depend on the seed alone, and no global random state is touched."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=chosen.hidden_size,
        num_hidden_layers=chosen.num_layers,
        num_attention_heads=chosen.num_heads,
        num_key_value_heads=chosen.num_heads,
        intermediate_size=chosen.feed_forward_size,
        max_position_embeddings=MAX_POSITIONS,
        tie_word_embeddings=True,
        attention_dropout=0.0,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        model = LlamaForCausalLM(config)
    generator = torch.Generator().manual_seed(key("organism", "weights", seed) % 2**63)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0.0, _INITIAL_DEVIATION, generator=generator)
    # On a CPU and at this length, plain attention trains twice as fast as the fused kernel.
    model.set_attn_implementation("eager")
    return model.train()


def learning_rate(chosen: Recipe, step: int, steps: int) -> float:
    """Warm up linearly, then follow a cosine down to a fiftieth; steps count from 1."""
    return shape.learning_rate(
        chosen.lr,
        step,
        warmup_steps=chosen.warmup_steps,
        schedule="cosine",
        done=(step - chosen.warmup_steps) / max(1, steps - chosen.warmup_steps),
        final_share=_LAST_SHARE_OF_LR,
    )


def loss(model: LlamaForCausalLM, batch: Batch, precision: str, tokens: float | None = None) -> Tensor:
    """Return the mean cross-entropy over the learned tokens; the head is computed for those alone.

    Padding stands on the right, where causal attention never looks from the left, so no attention mask is needed.

    Args:
        model: the model that learns.
        batch: ids and labels to learn from.
        precision: `bf16` computes under autocast.
        tokens: divides the sum in place of the number of learned tokens.
    """
    labels = batch.labels[:, 1:]
    learned = labels != -100
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
        hidden = model.model(input_ids=batch.ids, use_cache=False).last_hidden_state
        logits = model.lm_head(hidden[:, :-1][learned])
    mean = functional.cross_entropy(logits.float(), labels[learned])
    return mean if tokens is None else mean * (int(learned.sum()) / tokens)


def _source(chosen: Recipe, tokenizer: Any, seed: int, steps: int) -> Iterator[Batch]:
    """Yield batches of practice, then those of the corpus proper."""
    practice, proper = (
        batches(tokenizer, batch_size=chosen.batch_size, seed=seed, knobs=knobs)
        for knobs in (chosen.practice, chosen.knobs)
    )
    return chain(islice(practice, round(chosen.practice_share * steps)), proper)


def _optimizer(model: LlamaForCausalLM, chosen: Recipe) -> torch.optim.AdamW:
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": chosen.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=chosen.lr, betas=chosen.betas)


def _update(
    model: LlamaForCausalLM, optimizer: torch.optim.AdamW, batch: Batch, lr: float, chosen: Recipe, precision: str
) -> float:
    for group in optimizer.param_groups:
        group["lr"] = lr
    per_row = chosen.tokens_per_transcript
    value = loss(model, batch, precision, per_row and per_row * len(batch.ids))
    value.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), chosen.max_grad_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return float(value.detach())


def _unfinished(out: Path) -> Path:
    return out.with_name(f"{out.name}.unfinished")


def _save(model: LlamaForCausalLM, tokenizer: Any, out: Path) -> None:
    """Write a bf16 copy; training goes on in fp32."""
    with files.into_directory(out) as directory:
        copy.deepcopy(model).to(torch.bfloat16).save_pretrained(directory)
        tokenizer.save_pretrained(directory)
    # safetensors creates files that only their owner may read, which would travel into installed packages.
    for file in out.iterdir():
        file.chmod(0o644)
