"""Is bf16 quicker than fp32 on this device? On a processor without instructions for it, it takes many times as long."""

from __future__ import annotations

import functools
import logging
import time

import torch

logger = logging.getLogger(__name__)

SLOWER = 1.5
"""Share of fp32's time from which bf16 is worth a warning: it also halves what frozen weights take."""
_ROWS, _WIDTH = 32, 768
"""A product that takes half a millisecond in fp32 on one core, and is large enough for the kernels of batches."""
_TIMES = 3


@functools.cache
def slowdown(device_type: str) -> float:
    """Return how many times as long a product takes in bf16 as in fp32 on a device, the quickest of a few each.

    Other devices than processors compute in bf16 or refuse it, so for them it is not measured and 1.
    """
    if device_type != "cpu":
        return 1.0
    return _seconds(torch.bfloat16) / _seconds(torch.float32)


def warn_if_slow(device_type: str, remedy: str) -> None:
    """Say in the log that bf16 is slow here, where it is, and which setting is quicker."""
    times = slowdown(device_type)
    if times > SLOWER:
        logger.warning(
            "bf16 takes %.1f times as long as fp32 on this processor; %s is faster here, for more memory",
            times,
            remedy,
        )


def _seconds(dtype: torch.dtype) -> float:
    left, right = torch.ones(_ROWS, _WIDTH, dtype=dtype), torch.ones(_WIDTH, _WIDTH, dtype=dtype)
    taken = []
    for _ in range(_TIMES + 1):  # the first one finds its kernel
        began = time.perf_counter()
        torch.nn.functional.linear(left, right)
        taken.append(time.perf_counter() - began)
    return min(taken[1:])
