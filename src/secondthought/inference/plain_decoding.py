"""The plain path: whole prompts of equal length in one batch, `transformers`' own cache, no sharing, no padding.

Slow and obvious: the oracle of `decoding`, and the fallback for architectures whose trunks cannot be shared.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import torch
from transformers import DynamicCache, PreTrainedModel

from secondthought.errors import PolicyError
from secondthought.inference.decoding import Row, draw
from secondthought.types import Prompt, Sampling

CACHE_NAMES = ("cache", "past_key_values", "cache_params")
"""What forwards of `transformers` call the cache, newest first. Many also take `**kwargs`, which swallow any other."""


def sample_plainly(
    model: PreTrainedModel, stop_ids: frozenset[int], prompts: Sequence[Prompt], sampling: Sampling, max_rows: int = 64
) -> list[Row]:
    """Sample one row per prompt, in order."""
    rows = [Row(prompt, sampling.temperature, sampling.max_tokens) for prompt in prompts]
    by_length: dict[int, list[Row]] = {}
    for row in rows:
        by_length.setdefault(len(row.prompt.ids), []).append(row)
    with torch.no_grad():
        for alike in by_length.values():
            for start in range(0, len(alike), max_rows):
                _run(model, stop_ids, alike[start : start + max_rows], sampling)
    return rows


def cache_argument(model: PreTrainedModel) -> str:
    """Return the name that this model's forward gives its cache.

    Raises:
        PolicyError: it has none that we know; without a cache every token after the first would be sampled blindly.
    """
    taken = inspect.signature(model.forward).parameters
    for name in CACHE_NAMES:
        if name in taken:
            return name
    raise PolicyError(
        f"{model.config.model_type}: the model's forward takes no cache (none of {', '.join(CACHE_NAMES)}), "
        "so it cannot be sampled from; use another model, or another version of transformers"
    )


def _run(model: PreTrainedModel, stop_ids: frozenset[int], rows: list[Row], sampling: Sampling) -> None:
    cache = {cache_argument(model): DynamicCache(config=model.config)}
    ids = torch.tensor([row.prompt.ids for row in rows], device=model.device)
    live = rows
    while live:
        logits = model(input_ids=ids, use_cache=True, **cache).logits[:, -1]
        keys, positions = [row.prompt.key for row in rows], [len(row.token_ids) for row in rows]
        tokens, logprobs = draw(logits, keys, positions, sampling.temperature)
        for row, token, logprob in zip(rows, tokens, logprobs, strict=True):
            row.token_ids.append(token)
            row.logprobs.append(logprob)
        live = [r for r in live if r.token_ids[-1] not in stop_ids and len(r.token_ids) < sampling.max_tokens]
        ids = torch.tensor(tokens, device=model.device)[:, None]
    for row in rows:
        _cut(row, stop_ids, sampling.max_tokens)


def _cut(row: Row, stop_ids: frozenset[int], max_tokens: int) -> None:
    """Drop what followed the end of a row: rows that ended early ran on with the batch."""
    ends = [at for at, token in enumerate(row.token_ids) if token in stop_ids]
    size = min([max_tokens, *(end + 1 for end in ends[:1])])
    del row.token_ids[size:], row.logprobs[size:]
