"""Sample with `transformers` itself, in this process: by batches of `generate`, and by its continuous batching.

Both ways get ids and one length per row, and return how many tokens each row got. A batch of `generate` is padded on
the left and runs until its longest row ends; tokens past a row's own length are waste, as they are after an early end.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence

import torch
from transformers import ContinuousBatchingConfig, PreTrainedModel

from secondthought.bench.peers.generation import left_padded, unfiltered
from secondthought.errors import PolicyError
from secondthought.types import TokenIds

PAGE = 32
"""Tokens of a cache page. The default of 256 is for GPUs; smaller ones let short trunks be shared."""
IN_FLIGHT = 16
"""Rows that run at once. On processors every query meets, masked, the keys of all of them: more rows are slower."""
BATCH_TOKENS = 512
"""Most tokens of a forward, prompts included. Its mask is as high: the default of 8192 takes gigabytes."""
NEVER = -1
"""No end of turn: lengths are prescribed."""


def generate(
    model: PreTrainedModel, prompts: Sequence[TokenIds], limits: Sequence[int], *, batch_rows: int
) -> list[int]:
    """Sample in batches of `batch_rows`, in the order of arrival, and return how many tokens each row got."""
    lengths: list[int] = []
    for start in range(0, len(prompts), batch_rows):
        ids, mask = left_padded(prompts[start : start + batch_rows], model.config.pad_token_id)
        wanted = limits[start : start + batch_rows]
        settings = unfiltered(max(wanted), model.config.pad_token_id)
        with torch.no_grad():
            found = model.generate(input_ids=ids, attention_mask=mask, generation_config=settings)
        lengths += [min(limit, found.shape[1] - ids.shape[1]) for limit in wanted]
    return lengths


def continuous(model: PreTrainedModel, prompts: Sequence[TokenIds], limits: Sequence[int]) -> list[int]:
    """Sample every row as a request of its own, a few of them at once, and return how many tokens each got.

    Raises:
        PolicyError: batching stopped before every request was served; the sentence says why, where it said so.
    """
    longest = max(len(ids) + limit for ids, limit in zip(prompts, limits, strict=True))
    cache = ContinuousBatchingConfig(
        page_size=PAGE,
        num_blocks=2 * IN_FLIGHT * (longest // PAGE + 2),
        max_batch_tokens=BATCH_TOKENS,
        max_requests_per_batch=IN_FLIGHT,
        use_cuda_graph=False,
    )
    settings = unfiltered(max(limits), model.config.pad_token_id, end=NEVER)
    got: dict[str, int] = {}
    with (
        _errors_only(),
        torch.no_grad(),
        model.continuous_batching_context_manager(
            generation_config=settings, continuous_batching_config=cache, warmup=False
        ) as manager,
    ):
        names = [
            manager.add_request(list(ids), max_new_tokens=limit) for ids, limit in zip(prompts, limits, strict=True)
        ]
        while len(got) < len(names):
            result = manager.get_result(timeout=1)
            if result is not None and result.error is not None:
                raise PolicyError(f"continuous batching: {result.error}")
            if result is not None and result.is_finished():
                got[result.request_id] = len(result.generated_tokens)
            elif result is None and not manager.is_running():
                raise PolicyError("continuous batching stopped before every request was served")
    return [got[name] for name in names]


@contextlib.contextmanager
def _errors_only() -> Iterator[None]:
    """Silence the logger of continuous batching: its own handlers warn of what a processor lacks."""
    logger = logging.getLogger("ContinuousBatchingLogger")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before
