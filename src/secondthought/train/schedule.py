"""The learning rate as a function of the step."""

from __future__ import annotations

import math

from secondthought.config import OptimConfig

FINAL_SHARE = 0.1
"""The cosine schedule ends at this share of the peak."""


def learning_rate(config: OptimConfig, step: int, num_steps: int) -> float:
    """Linear warm-up to the peak, then constant or cosine. `step` counts from 1.

    >>> learning_rate(OptimConfig(lr=1.0, warmup_steps=4), 1, 100), learning_rate(OptimConfig(lr=1.0), 50, 100)
    (0.25, 1.0)
    """
    if step <= config.warmup_steps:
        return config.lr * step / config.warmup_steps
    if config.schedule == "constant":
        return config.lr
    done = (step - config.warmup_steps) / max(num_steps - config.warmup_steps, 1)
    return config.lr * (FINAL_SHARE + (1.0 - FINAL_SHARE) * 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0))))
