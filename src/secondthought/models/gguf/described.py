"""A model of a GGUF file without its weights: config, tokenizer and sizes come from the header."""

from __future__ import annotations

from typing import Any

from secondthought.models.gguf.checkpoint import bytes_of_weights
from secondthought.models.gguf.families import config_of, names_in_checkpoint
from secondthought.models.gguf.header import read_header
from secondthought.models.gguf.tokens import tokenizer_of

SOURCE = "the file's own settings"


def config_in(path: str) -> Any:
    """Return the config of a file's model.

    Raises:
        PolicyError: the file cannot be read, or is of a kind that is not known.
    """
    return config_of(read_header(path))


def tokenizer_in(path: str) -> Any:
    """Return the tokenizer of a file's model, with its template; it raises as `config_in`."""
    return tokenizer_of(read_header(path))


def weights_in(path: str) -> dict[str, int]:
    """Count the parameters that a file holds, and the bytes that they take once unpacked; it raises as `config_in`."""
    header = read_header(path)
    count = sum(header.tensors[name].count for name in names_in_checkpoint(header))
    return {"parameters": count, "bytes": bytes_of_weights(header)}
