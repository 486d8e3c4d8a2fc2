"""Sampling by `transformers` itself, in this process: batches of `generate`, and its continuous batching.

Both get ids and one length per row, and return how many tokens each row got. A batch of `generate` is padded on the
left and runs until its longest row ends; tokens past a row's own length are waste, as they are after an early end.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence

import torch
from transformers import ContinuousBatchingConfig, GenerationConfig, PreTrainedModel

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
    """Batches in the order of arrival."""
    lengths: list[int] = []
    for start in range(0, len(prompts), batch_rows):
        ids, mask = _padded(prompts[start : start + batch_rows], model.config.pad_token_id)
        wanted = limits[start : start + batch_rows]
        with torch.no_grad():
            found = model.generate(input_ids=ids, attention_mask=mask, generation_config=_settings(model, max(wanted)))
        lengths += [min(limit, found.shape[1] - ids.shape[1]) for limit in wanted]
    return lengths


def continuous(model: PreTrainedModel, prompts: Sequence[TokenIds], limits: Sequence[int]) -> list[int]:
    """All rows as requests of their own, a few of them at once.

    Raises:
        PolicyError: it stopped before every request was served; the sentence says why, where it said so.
    """
    longest = max(len(ids) + limit for ids, limit in zip(prompts, limits, strict=True))
    cache = ContinuousBatchingConfig(
        page_size=PAGE,
        num_blocks=2 * IN_FLIGHT * (longest // PAGE + 2),
        max_batch_tokens=BATCH_TOKENS,
        max_requests_per_batch=IN_FLIGHT,
        use_cuda_graph=False,
    )
    settings = _settings(model, max(limits))
    settings.eos_token_id = NEVER
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


def _settings(model: PreTrainedModel, max_tokens: int) -> GenerationConfig:
    """The distribution as it is: temperature 1, no top-k, no top-p."""
    return GenerationConfig(
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        max_new_tokens=max_tokens,
        pad_token_id=model.config.pad_token_id,
    )


def _padded(prompts: Sequence[TokenIds], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, prompts))
    ids = torch.tensor([[pad] * (longest - len(row)) + list(row) for row in prompts])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in prompts])
    return ids, mask


@contextlib.contextmanager
def _errors_only() -> Iterator[None]:
    """Its logger has handlers of its own and warns of what a processor lacks."""
    logger = logging.getLogger("ContinuousBatchingLogger")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before
