"""An ordinary checkpoint directory made of a GGUF file: config, weights, tokenizer and template.

Weights go to the disk tensor by tensor, so a file of any size needs the memory of its largest tensor.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, GenerationConfig

from secondthought.errors import PolicyError
from secondthought.models.checkpoint_files import WEIGHTS
from secondthought.models.gguf.families import config_of, family_of, names_in_checkpoint
from secondthought.models.gguf.header import AGAIN, Header
from secondthought.models.gguf.numbers import PACKED_DTYPE, dtype_of, unpacked
from secondthought.models.gguf.tokens import tokenizer_of
from secondthought.progress import SILENT, Onlooker

_ENDS = ("eos", "eot", "eom")
"""Tokens that end a turn, by the names of their settings."""
_TYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}


def write_checkpoint(header: Header, directory: Path, onlooker: Onlooker = SILENT) -> None:
    """Fill a directory with the checkpoint that a file describes.

    Raises:
        ConfigError: the package `gguf` is not installed.
        PolicyError: no model of these settings has these tensors, or something in the file is not known.
        OSError: the directory cannot be written.
    """
    config, names = config_of(header), names_in_checkpoint(header)
    _require_same(header, config, names)
    tokenizer = tokenizer_of(header)
    config.dtype = PACKED_DTYPE
    config.save_pretrained(directory)
    generation_config_of(header).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    total = sum(header.tensors[name].count for name in names)
    with onlooker.stage(f"de-quantizing {header.path.name}", total, "bytes") as stage:
        _write_weights(header, names, directory / WEIGHTS, stage.advance)


def generation_config_of(header: Header) -> GenerationConfig:
    """Return the settings of generation: every token that ends a turn."""
    ids = {name: header.get(f"tokenizer.ggml.{name}_token_id", int) for name in ("bos", "padding", *_ENDS)}
    ends = list(dict.fromkeys(ids[name] for name in _ENDS if ids[name] is not None))
    return GenerationConfig(
        bos_token_id=ids["bos"], pad_token_id=ids["padding"], eos_token_id=ends[0] if len(ends) == 1 else ends or None
    )


def bytes_of_weights(header: Header) -> int:
    """Return how many bytes the weights take in the checkpoint that is made of a file."""
    kept = (header.tensors[name] for name in names_in_checkpoint(header))
    return sum(tensor.count * dtype_of(header, tensor).itemsize for tensor in kept)


def _require_same(header: Header, config: Any, names: Mapping[str, str]) -> None:
    """Compare the tensors with those of a model that is built without memory.

    Raises:
        PolicyError: one is missing, left over, or of another shape.
    """
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    wanted = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    held = {called: header.tensors[name].shape for name, called in names.items()}
    for name in sorted(wanted.keys() | held.keys()):
        if wanted.get(name) != held.get(name):
            has, needs = held.get(name, "missing"), wanted.get(name, "none")
            raise PolicyError(
                f"{header.path}: its settings and tensors are of two models ({name}: {has} in the file, {needs} by its "
                f"settings); {AGAIN}"
            )


def _write_weights(header: Header, names: Mapping[str, str], path: Path, tell: Callable[[int], None]) -> None:
    """Write the tensors as a file of safetensors: its header first, then each as soon as it is unpacked."""
    at, entries = 0, {}
    for name, called in names.items():
        tensor = header.tensors[name]
        kind = dtype_of(header, tensor)
        end = at + math.prod(tensor.shape) * kind.itemsize
        entries[called] = {"dtype": _TYPES[kind], "shape": list(tensor.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps({"__metadata__": {"format": "pt"}, **entries}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for values in _tensors(header, names, tell):
            file.write(values)


def _tensors(header: Header, names: Mapping[str, str], tell: Callable[[int], None]) -> Iterator[memoryview]:
    mend = family_of(header).mend
    for name in names:
        values: Tensor = mend(name, unpacked(header, header.tensors[name], tell), header)
        yield values.contiguous().reshape(-1).view(torch.uint8).numpy().data
