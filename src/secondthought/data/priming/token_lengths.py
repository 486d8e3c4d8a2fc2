"""A model's own tokenizer measures texts here; it is loaded without the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transformers import AutoTokenizer

from secondthought.errors import PolicyError
from secondthought.models.gguf.cache import ordinary
from secondthought.models.hub import only_here
from secondthought.models.shipped import resolve


def length_by(path: str) -> Callable[[str], int]:
    """Build a function that counts the tokens of a text.

    Args:
        path: a checkpoint directory, a hub id, or a shipped model's name.

    Raises:
        PolicyError: there is no tokenizer.
    """
    try:
        where = ordinary(resolve(path))
        tokenizer: Any = AutoTokenizer.from_pretrained(where, local_files_only=only_here(where))
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise PolicyError(
            f"no tokenizer at {path}: {reason}; give --tokenizer a checkpoint directory or a hub id"
        ) from None
    return lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"])
