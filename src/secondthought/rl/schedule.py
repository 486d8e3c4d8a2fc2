"""The shape of a learning rate over a run: a warm-up, then constant or a cosine."""

from __future__ import annotations

import math
from typing import Literal


def learning_rate(
    peak: float,
    step: int,
    *,
    warmup_steps: int,
    schedule: Literal["constant", "cosine"],
    done: float,
    final_share: float = 0.0,
) -> float:
    """Warm up linearly to the peak; then stay there, or follow a cosine down to `final_share` of it.

    Args:
        peak: the highest rate.
        step: counted from 1.
        warmup_steps: steps in which the rate grows.
        schedule: what follows the warm-up.
        done: share of the way from the warm-up to the end, 0 to 1; larger values count as 1.
        final_share: share of the peak at which the cosine ends.

    >>> [round(learning_rate(1.0, 1 + at, warmup_steps=0, schedule="cosine", done=at / 2), 3) for at in range(3)]
    [1.0, 0.5, 0.0]
    """
    if step <= warmup_steps:
        return peak * step / warmup_steps
    if schedule == "constant":
        return peak
    return peak * (final_share + (1.0 - final_share) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done))))
