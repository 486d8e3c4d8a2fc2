"""Packed tensors as numbers: `gguf` knows the packings; they are undone piece by piece, on all cores.

`gguf` walks through a tensor in groups of 16 rows, which is slow where rows are short. Packings know no rows, so pieces
of one long row are given to it: of a size that stays in a processor's own memory.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

from secondthought.errors import ConfigError, PolicyError
from secondthought.models.gguf.header import AGAIN, Header, StoredTensor

_PLAIN = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
PACKED_DTYPE = torch.bfloat16
"""What packed numbers become: their packing was coarser."""
_PIECE = 1 << 17
"""Numbers that are unpacked at once."""


def gguf_package() -> Any:
    """Return the package that knows the packings.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module("gguf")
    except ImportError:
        raise ConfigError(
            "a GGUF file as model needs the package gguf; install it with: pip install 'secondthought[gguf]'"
        ) from None


def dtype_of(header: Header, tensor: StoredTensor) -> torch.dtype:
    """Return the type in which a tensor's numbers are kept: its own, and bf16 where they were packed."""
    return _PLAIN.get(_packing(header, tensor).name, PACKED_DTYPE)


def unpacked(header: Header, tensor: StoredTensor, tell: Callable[[int], None] = lambda count: None) -> Tensor:
    """Return the numbers of a tensor; `tell` hears how many more are done.

    Raises:
        ConfigError: the package `gguf` is not installed.
        PolicyError: the file is cut off, or packs numbers in a way that is not known.
    """
    packing = _packing(header, tensor)
    block, size = gguf_package().GGML_QUANT_SIZES[packing]
    if tensor.count % block:
        raise PolicyError(f"{header.path}: {tensor.name} is damaged ({tensor.count} numbers in blocks of {block})")
    packed = _bytes_of(header, tensor, tensor.count // block * size)
    plain = _PLAIN.get(packing.name)
    if plain is not None:
        tell(tensor.count)
        return torch.from_numpy(packed.copy()).view(plain).reshape(tensor.shape)
    return _in_pieces(header, packing, packed.reshape(-1, size), tell).reshape(tensor.shape)


def _packing(header: Header, tensor: StoredTensor) -> Any:
    try:
        return gguf_package().GGMLQuantizationType(tensor.packing)
    except ValueError:
        raise PolicyError(
            f"{header.path}: {tensor.name} is packed in a way that this version of gguf does not know (number "
            f"{tensor.packing}); try: pip install --upgrade gguf"
        ) from None


def _bytes_of(header: Header, tensor: StoredTensor, length: int) -> np.ndarray:
    data = np.memmap(header.path, mode="r", dtype=np.uint8)
    if tensor.start + length > len(data):
        raise PolicyError(f"{header.path}: is cut off within {tensor.name}; {AGAIN}")
    found: np.ndarray = data[tensor.start : tensor.start + length]
    return found


def _in_pieces(header: Header, packing: Any, blocks: np.ndarray, tell: Callable[[int], None]) -> Tensor:
    """Unpack blocks of bytes, some at a time."""
    block, _ = gguf_package().GGML_QUANT_SIZES[packing]
    found = torch.empty(len(blocks) * block, dtype=PACKED_DTYPE)
    step = max(1, _PIECE // block)

    def unpack(begin: int) -> int:
        piece = blocks[begin : begin + step]
        numbers = gguf_package().quants.dequantize(piece.reshape(1, -1), packing)
        found[begin * block : (begin + len(piece)) * block] = torch.from_numpy(numbers.reshape(-1))
        return int(len(piece) * block)

    try:
        with ThreadPoolExecutor(_cores()) as threads:
            for done in threads.map(unpack, range(0, len(blocks), step)):
                tell(done)
    except NotImplementedError:
        raise PolicyError(
            f"{header.path}: holds numbers packed as {packing.name}, which gguf cannot unpack; get the model packed "
            "otherwise (Q8_0, Q4_K_M), or its directory of safetensors"
        ) from None
    return found


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
