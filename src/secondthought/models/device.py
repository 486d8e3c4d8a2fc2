"""A device is named in settings; here it is one that this machine has, or a sentence."""

from __future__ import annotations

import torch

from secondthought.errors import PolicyError

_TRY = "use cpu, or auto for whatever is here"


def find_device(name: str) -> torch.device:
    """Return the device of that name; `auto` is a GPU where there is one.

    Raises:
        PolicyError: torch knows no such device, or this machine has none.

    >>> find_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise PolicyError(f"model.device: {name!r} is no device of torch; try cpu, cuda or auto") from error
    if device.type == "cuda" and (trouble := _without_gpu(device)):
        raise PolicyError(f"model.device: {name}: {trouble}; {_TRY}")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise PolicyError(f"model.device: {name}: this machine has no Apple GPU that torch can use; {_TRY}")
    if device.type not in ("cpu", "cuda", "mps", "xpu"):
        raise PolicyError(f"model.device: {name}: models are not run on {device.type} devices here; {_TRY}")
    return device


def _without_gpu(device: torch.device) -> str:
    """Return why a GPU cannot be used; empty if it can."""
    if torch.version.cuda is None and torch.version.hip is None:
        return "this torch was built without GPU support (install one that was)"
    if not torch.cuda.is_available():
        return "torch finds no GPU (is the driver installed, and is CUDA_VISIBLE_DEVICES right?)"
    count = torch.cuda.device_count()
    return f"there are {count} GPUs, numbered from 0" if device.index is not None and device.index >= count else ""
