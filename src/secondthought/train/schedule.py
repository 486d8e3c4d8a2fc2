"""A schedule says how far a run is, and the learning rate that follows from it."""

from __future__ import annotations

from secondthought.config import OptimConfig, TrainConfig
from secondthought.rl.schedule import learning_rate

FINAL_SHARE = 0.1
"""The cosine schedule ends at this share of the peak."""


def share_done(train: TrainConfig, step: int, sampled_tokens: int) -> float:
    """Return how much of a run is done after `step` steps: the larger share of its steps and of its token budget.

    >>> share_done(TrainConfig(steps=100, max_sampled_tokens=1000), 10, 250)
    0.25
    """
    budget = train.max_sampled_tokens
    return min(1.0, max(step / train.steps, 0.0 if budget is None else sampled_tokens / budget))


def rate_of_step(optim: OptimConfig, train: TrainConfig, step: int, sampled_tokens: int = 0) -> float:
    """Return the learning rate of a step of RL; a cosine ends with the run: at its last step or last token.

    Args:
        optim: peak, warm-up and shape.
        train: what ends the run.
        step: counted from 1.
        sampled_tokens: sampled so far, this step's included; matters where a token budget ends the run.

    >>> rate_of_step(OptimConfig(lr=1.0, warmup_steps=4), TrainConfig(), 1)
    0.25
    """
    after_warmup = (step - optim.warmup_steps) / max(train.steps - optim.warmup_steps, 1)
    return learning_rate(
        optim.lr,
        step,
        warmup_steps=optim.warmup_steps,
        schedule=optim.schedule,
        done=max(after_warmup, share_done(train, 0, sampled_tokens)),
        final_share=FINAL_SHARE,
    )
