"""A model's own tokenizer measures and cuts texts here; it is loaded without the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transformers import AutoTokenizer

from secondthought.errors import PolicyError
from secondthought.models.gguf.cache import ordinary
from secondthought.models.hub import only_here
from secondthought.models.shipped import resolve

_MORE = 4
"""Tokens beyond the cut that are looked at: what follows may join with what stands before."""


def length_by(path: str) -> Callable[[str], int]:
    """Build a function that counts the tokens of a text.

    Args:
        path: a checkpoint directory, a hub id, or a shipped model's name.

    Raises:
        PolicyError: there is no tokenizer.
    """
    tokenizer = _tokenizer(path)
    return lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"])


def beginning_by(path: str) -> Callable[[str, int], str]:
    """Build a function that cuts a text after so many tokens: what is left has as many, read for itself.

    Where no place gives just as many (tokens may join otherwise at the cut), it has the nearest number below.

    Args:
        path: a checkpoint directory, a hub id, or a shipped model's name.

    Raises:
        PolicyError: there is no tokenizer.
    """
    tokenizer = _tokenizer(path)

    def beginning(text: str, tokens: int) -> str:
        found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        ends = [end for _, end in found["offset_mapping"]]
        if len(ends) <= tokens:
            return text
        cuts = (text[:end] for end in reversed(ends[: tokens + _MORE]))
        return next(cut for cut in cuts if len(tokenizer(cut, add_special_tokens=False)["input_ids"]) <= tokens)

    return beginning


def _tokenizer(path: str) -> Any:
    try:
        where = ordinary(resolve(path))
        tokenizer: Any = AutoTokenizer.from_pretrained(where, local_files_only=only_here(where))
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise PolicyError(
            f"no tokenizer at {path}: {reason}; give --tokenizer a checkpoint directory or a hub id"
        ) from None
    return tokenizer
