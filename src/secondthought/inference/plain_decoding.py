"""The plain path: whole prompts of equal length in one batch, the model's own cache, no sharing, no padding.

Slow and obvious: the oracle of `decoding`, and the fallback for architectures whose trunks cannot be shared. The cache
is whatever the model's forward makes and takes back: of recurrent states too. Without a cache every token is predicted
by a forward over the whole text before it, which is right for every causal model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from secondthought.errors import PolicyError
from secondthought.inference.decoding import Row
from secondthought.inference.drawing import Choose, draw
from secondthought.models.logits_kept import takes
from secondthought.types import Prompt, Sampling

CACHE_NAMES = ("cache", "past_key_values", "cache_params", "state")
"""What forwards of `transformers` call the cache, newest first. Many also take `**kwargs`, which swallow any other."""


def sample_plainly(
    model: PreTrainedModel,
    stop_ids: frozenset[int],
    prompts: Sequence[Prompt],
    sampling: Sampling,
    max_rows: int = 64,
    *,
    cached: bool = True,
    choose: Choose = draw,
) -> list[Row]:
    """Sample one row per prompt, in order; without a cache each token costs a forward over all before it."""
    rows = [Row(prompt, sampling.temperature, sampling.max_tokens) for prompt in prompts]
    by_length: dict[int, list[Row]] = {}
    for row in rows:
        by_length.setdefault(len(row.prompt.ids), []).append(row)
    run = _run_cached if cached else _run_uncached
    with torch.no_grad():
        for alike in by_length.values():
            for start in range(0, len(alike), max_rows):
                run(model, stop_ids, alike[start : start + max_rows], choose)
    return rows


def cache_of(model: PreTrainedModel, output: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cache that a forward gave, as the argument by which the next one takes it.

    Raises:
        PolicyError: none came back that it takes; without one every token after the first would be sampled blindly.
    """
    for name in CACHE_NAMES:
        if takes(model, name) and output.get(name) is not None:
            return {name: output[name]}
    raise PolicyError(f"its forward gives back no cache that it takes (none of {', '.join(CACHE_NAMES)})")


def _run_cached(model: PreTrainedModel, stop_ids: frozenset[int], rows: list[Row], choose: Choose) -> None:
    """Read prompts once and then each token by itself; rows that end early run on with the batch, unread."""
    ids, cache = _tensor(model, [row.prompt.ids for row in rows]), dict[str, Any]()
    while True:
        output = model(input_ids=ids, use_cache=True, **cache)
        _extend(rows, stop_ids, output.logits[:, -1], choose)
        if all(row.ended for row in rows):
            return
        cache = cache_of(model, output)
        ids = _tensor(model, [[row.token_ids[-1]] for row in rows])


def _run_uncached(model: PreTrainedModel, stop_ids: frozenset[int], rows: list[Row], choose: Choose) -> None:
    """Read the whole text of each row that has not ended anew for every token."""
    while live := [row for row in rows if not row.ended]:
        ids = _tensor(model, [[*row.prompt.ids, *row.token_ids] for row in live])
        _extend(live, stop_ids, model(input_ids=ids, use_cache=False).logits[:, -1], choose)


def _extend(rows: Sequence[Row], stop_ids: frozenset[int], logits: torch.Tensor, choose: Choose) -> None:
    """Choose a token for every row that has not ended."""
    live = [at for at, row in enumerate(rows) if not row.ended]
    chosen = [rows[at] for at in live]
    keys, positions = [row.prompt.key for row in chosen], [len(row.token_ids) for row in chosen]
    tokens, logprobs = choose(logits[live], keys, positions, rows[0].temperature)
    for row, token, logprob in zip(chosen, tokens, logprobs, strict=True):
        row.token_ids.append(token)
        row.logprobs.append(logprob)
        row.ended = token in stop_ids or len(row.token_ids) >= row.limit


def _tensor(model: PreTrainedModel, ids: Sequence[Sequence[int]]) -> torch.Tensor:
    return torch.tensor(ids, device=model.device)
