"""Weights in bf16 where products read them so anyway: cast once, and not at every token.

Under autocast each product rounds its matrix to bf16 first, and without a gradient nothing keeps what was rounded.
There are two ways around that, and neither changes a number:

    held     frozen weights that a checkpoint stores in bf16 stay as they are stored; what an embedding gives is widened
    copies   of weights in fp32, as those that learn, products read copies for as long as something is sampled

Norms, biases and whatever is no plain product stay in fp32. `in_fp32` computes over held weights without rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.overrides import TorchFunctionMode

_HELD = (nn.Linear, nn.Embedding)
"""Kinds of modules whose weights may be held; a subclass may read its weight in a way of its own."""


def settle(model: nn.Module, device: torch.device, *, held: bool) -> None:
    """Give weights memory of their own on a device: all in fp32, or with `held` in bf16 what is stored so and may be.

    Weights mapped from a file start at any address, and kernels round differently by alignment: own memory makes a
    reloaded model compute bit for bit what the saved one did.
    """
    users: dict[nn.Parameter, list[nn.Module]] = {}
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            users.setdefault(parameter, []).append(module)
    for parameter, modules in users.items():
        is_held = held and _may_be_held(parameter, modules)
        usual = (
            torch.promote_types(parameter.dtype, torch.float32) if parameter.is_floating_point() else parameter.dtype
        )
        parameter.data = parameter.data.to(device, torch.bfloat16 if is_held else usual, copy=True)
        for module in modules:
            if is_held and isinstance(module, nn.Embedding):
                module.register_forward_hook(_widened)


def is_held(model: nn.Module) -> bool:
    """Return whether some weights are held in bf16 beside others in fp32."""
    return {torch.bfloat16, torch.float32} <= {parameter.dtype for parameter in model.parameters()}


def widen(model: nn.Module) -> None:
    """Hold all weights in fp32 from now on; parameters stay the same objects."""
    for parameter in model.parameters():
        if parameter.dtype == torch.bfloat16:
            parameter.data = parameter.data.float()


@contextmanager
def copies(model: nn.Module) -> Iterator[None]:
    """Let products in the block read bf16 copies of matrices in fp32; the weights must not change in it."""
    made: dict[nn.Parameter, nn.Parameter] = {}
    before: list[tuple[nn.Module, nn.Parameter]] = []
    try:
        for module in model.modules():
            weight = module.weight if isinstance(module, nn.Linear) else None
            if isinstance(weight, nn.Parameter) and weight.dtype == torch.float32:
                if weight not in made:
                    made[weight] = nn.Parameter(weight.detach().bfloat16(), requires_grad=False)
                before.append((module, weight))
                module.weight = made[weight]
        yield
    finally:
        for module, weight in before:
            module.weight = weight


def in_fp32(model: nn.Module) -> AbstractContextManager[Any]:
    """Have products in the block compute in fp32 over weights that are held in bf16, widened one at a time."""
    return _Widening() if is_held(model) else nullcontext()


class _Widening(TorchFunctionMode):
    """`_Widening` gives `linear` a weight of its input's type."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is linear and len(args) > 1 and args[1].dtype != args[0].dtype:
            args = (args[0], args[1].to(args[0].dtype), *args[2:])
        return func(*args, **(kwargs or {}))


def _may_be_held(weight: Tensor, users: Sequence[nn.Module]) -> bool:
    """Return whether all users read a weight in the usual way, and bf16 holds it to the last digit."""
    if weight.dim() != 2 or not all(type(module) in _HELD for module in users):
        return False
    return weight.dtype == torch.bfloat16 or torch.equal(weight.bfloat16().to(weight.dtype), weight)


def _widened(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
    """Widen what an embedding gives, so that the residual stream is what it is over weights in fp32."""
    return output.float()
