"""Speed is that of products of the model's own shapes on this machine, in the run's precision: under two seconds."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from secondthought.preflight.resources.model_shape import ModelShape
from secondthought.preflight.resources.plan import MachineSpeed

SECONDS = 0.4
"""Measured so long per shape, after a warm-up of at most as long."""
MOST_UPDATE_ROWS, MOST_DECODE_ROWS = 2048, 512
"""Rows above which a product gets no faster."""
MOST_ON_CPU = 2**32
"""Multiplications of one product on a CPU, which reaches its rate with less, and may take seconds for more."""
MOST_NUMBERS = 2**25
"""A matrix larger than this is measured in part."""


def measure(shape: ModelShape, device: torch.device, precision: str, *, tokens: int, rows: int) -> MachineSpeed:
    """Time products with `tokens` rows (an update) and with `rows` rows (decoding), and an empty call."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    small = torch.ones(1, device=device)
    return MachineSpeed(
        update=_rate(shape, min(tokens, MOST_UPDATE_ROWS), device, dtype),
        decode=_rate(shape, min(rows, MOST_DECODE_ROWS), device, dtype),
        call=1.0 / _per_second(lambda: small.add_(1.0), device, 0.05),
    )


def _rate(shape: ModelShape, rows: int, device: torch.device, dtype: torch.dtype) -> float:
    width = max(1, min(shape.intermediate, MOST_NUMBERS // shape.hidden))
    if device.type == "cpu":
        rows = max(1, min(rows, MOST_ON_CPU // (shape.hidden * width)))
    left = torch.ones(rows, shape.hidden, device=device, dtype=dtype)
    right = torch.ones(shape.hidden, width, device=device, dtype=dtype)
    operations = 2.0 * rows * shape.hidden * width
    with torch.no_grad():
        return operations * _per_second(lambda: left @ right, device, SECONDS)


def _per_second(call: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Return calls per second; of one call alone where it takes longer than that."""
    _timed(call, device, 1)
    once = _timed(call, device, 1)
    count = max(1, int(seconds / max(once, 1e-7) / 2))
    return count / min(_timed(call, device, count), _timed(call, device, count))


def _timed(call: Callable[[], object], device: torch.device, count: int) -> float:
    _wait(device)
    began = time.perf_counter()
    for _ in range(count):
        call()
    _wait(device)
    return time.perf_counter() - began


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
