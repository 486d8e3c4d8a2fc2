"""How far a run is, and the learning rate that follows from it."""

from __future__ import annotations

import math

from secondthought.config import OptimConfig, TrainConfig

FINAL_SHARE = 0.1
"""The cosine schedule ends at this share of the peak."""


def share_done(train: TrainConfig, step: int, sampled_tokens: int) -> float:
    """How much of a run is done after `step` steps: the larger of its shares of the steps and of the token budget.

    >>> share_done(TrainConfig(steps=100, max_sampled_tokens=1000), 10, 250)
    0.25
    """
    budget = train.max_sampled_tokens
    return min(1.0, max(step / train.steps, 0.0 if budget is None else sampled_tokens / budget))


def learning_rate(optim: OptimConfig, train: TrainConfig, step: int, sampled_tokens: int = 0) -> float:
    """Linear warm-up to the peak, then constant, or a cosine that ends with the run: at its last step or last token.

    Args:
        optim: peak, warm-up and shape.
        train: what ends the run.
        step: counted from 1.
        sampled_tokens: sampled so far, this step's included; matters where a token budget ends the run.

    >>> learning_rate(OptimConfig(lr=1.0, warmup_steps=4), TrainConfig(), 1)
    0.25
    """
    if step <= optim.warmup_steps:
        return optim.lr * step / optim.warmup_steps
    if optim.schedule == "constant":
        return optim.lr
    after_warmup = (step - optim.warmup_steps) / max(train.steps - optim.warmup_steps, 1)
    done = min(1.0, max(after_warmup, share_done(train, 0, sampled_tokens)))
    return optim.lr * (FINAL_SHARE + (1.0 - FINAL_SHARE) * 0.5 * (1.0 + math.cos(math.pi * done)))
