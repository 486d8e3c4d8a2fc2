"""Matrices laid out once as the CPU's bf16 products read them, for as long as something is sampled.

A product of few rows by a matrix spends much of its time on bringing the matrix into the order that the kernel reads;
its input is cast once for each product that reads it, as by the three projections of an attention. Inside `packed` both
are done once. The numbers are those of `torch.nn.functional.linear` but for the order of sums.

PyTorch offers these products as operators of its own, so they are looked up and tried (`available`).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear

_MKLDNN: Any = torch.ops.mkldnn
_ROWS = 64
"""Rows for which a matrix is laid out: many enough for the kernels of batches, and one row is no slower for it."""
_NOISE = 2.0**-6
"""Most that a product may differ by, as a share of its largest number: a few roundings to bf16."""


@contextmanager
def packed(model: nn.Module) -> Iterator[None]:
    """Let a model's linear layers in the block multiply in bf16 by matrices that are laid out once.

    Weights must not change in it, and nothing in it has a gradient. Layers of other kinds are left as they are.
    """
    cast = _LastCast()
    laid_out: dict[Tensor, Tensor] = {}
    changed: list[nn.Module] = []
    adapters = [module for module in model.modules() if getattr(module, "cast_input_dtype_enabled", False)]
    try:
        for module in model.modules():
            if type(module) is nn.Linear and "forward" not in vars(module):
                if module.weight not in laid_out:
                    laid_out[module.weight] = _laid_out(module.weight)
                product = _Product(laid_out[module.weight], module.bias, cast)
                module.forward = product  # type: ignore[method-assign, assignment]
                changed.append(module)
        for adapter in adapters:  # an adapter would cast its input to the type of weights that nobody reads here
            adapter.cast_input_dtype_enabled = False  # type: ignore[assignment]
        yield
    finally:
        for module in changed:
            del module.forward
        for adapter in adapters:
            adapter.cast_input_dtype_enabled = True  # type: ignore[assignment]


@functools.cache
def available(device_type: str) -> bool:
    """Tell whether products by matrices that are laid out are right on a device: a small one is tried."""
    if device_type != "cpu":
        return False
    generator = torch.Generator().manual_seed(0)
    weight, x = (torch.randn(size, generator=generator).bfloat16() for size in ((48, 32), (3, 2, 32)))
    bias = torch.randn(48, generator=generator).bfloat16()
    try:
        found = _Product(_laid_out(weight), bias, _LastCast())(x)
    except (AttributeError, NotImplementedError, RuntimeError):
        return False
    wanted = linear(x, weight, bias)
    return found.shape == wanted.shape and bool((found - wanted).abs().max() <= _NOISE * wanted.abs().max())


class _Product:
    """A `_Product` is the forward of a linear layer whose matrix is laid out."""

    def __init__(self, weight: Tensor, bias: Tensor | None, cast: _LastCast) -> None:
        self.weight = weight
        self.bias = None if bias is None else bias.detach().bfloat16()
        self.cast = cast

    def __call__(self, x: Float[Tensor, "*rows K"]) -> Float[Tensor, "*rows N"]:
        out: Tensor = _MKLDNN._linear_pointwise(self.cast(x), self.weight, self.bias, "none", [], "")
        return out


class _LastCast:
    """A `_LastCast` casts inputs to bf16 and remembers the latest: layers that read one input follow each other."""

    def __init__(self) -> None:
        self.source: Tensor | None = None
        self.version = 0
        self.result: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        if x.dtype == torch.bfloat16:
            return x
        if self.result is None or x is not self.source or x._version != self.version:
            self.source, self.version, self.result = x, x._version, x.bfloat16()
        return self.result


def _laid_out(weight: Tensor) -> Tensor:
    out: Tensor = _MKLDNN._reorder_linear_weight(weight.detach().bfloat16(), _ROWS)
    return out
