"""Sampling many completions: trunks prefilled once, branch caches preallocated, finished rows leave the batch.

Rows lie in a rectangle, U trunks by S slots, so that the queries of a trunk's branches meet its keys in one product. A
slot without a row repeats another row's computation and is never read. Tokens are drawn by inverting the distribution
at one uniform number per (row key, position), so that in fp32 they do not depend on which rows share a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedModel

from secondthought.policies.branch_cache import BranchCache, TrunkRecorder
from secondthought.policies.tree_attention import tree_attention
from secondthought.policies.uniforms import uniforms
from secondthought.types import Prompt, Sampling, TokenIds

T = TypeVar("T")

COMPACT_BELOW = 0.75
"""Rows are regrouped when fewer than this share of slots is still needed; each regrouping copies the caches."""
VOCABULARY_ROWS = 64
"""Rows whose float64 cumulative distributions exist at once; bounds memory for vocabularies of 150,000 tokens."""


@dataclass(slots=True)
class Row:
    """One completion in the making."""

    index: int
    prompt: Prompt
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)


def draw(
    logits: Float[Tensor, "N V"], keys: Sequence[int], positions: Sequence[int], temperature: float
) -> tuple[list[int], list[float]]:
    """One token per row and its log-probability. Temperature 0 takes the likeliest (the first, if several)."""
    log_p = (logits.float() / (temperature or 1.0)).log_softmax(-1)
    if temperature == 0.0:
        tokens = log_p.argmax(-1)
    else:
        u = np.empty(len(keys))
        key_array, at = np.array(keys, dtype=np.uint64), np.array(positions)
        for position in np.unique(at):
            u[at == position] = uniforms(key_array[at == position], int(position))
        points = torch.from_numpy(u).to(logits.device)[:, None]
        parts = []
        for start in range(0, len(keys), VOCABULARY_ROWS):
            cumulative = log_p[start : start + VOCABULARY_ROWS].double().exp().cumsum(-1)
            goal = points[start : start + VOCABULARY_ROWS] * cumulative[:, -1:]
            parts.append(torch.searchsorted(cumulative, goal, right=True).squeeze(-1))
        tokens = torch.cat(parts).clamp_max(logits.shape[-1] - 1)
    chosen = log_p.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
    return tokens.tolist(), chosen.tolist()


class SharedSampler:
    """Completes prompts batch by batch; `max_rows` bounds the rows that run at once."""

    def __init__(self, model: PreTrainedModel, stop_ids: frozenset[int], max_rows: int = 1024) -> None:
        self.model = model
        self.device = model.device
        self.stop_ids = stop_ids
        self.max_rows = max_rows

    def sample(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Row]:
        """One row per prompt, in order."""
        rows = [Row(index, prompt) for index, prompt in enumerate(prompts)]
        with torch.no_grad(), tree_attention(self.model):
            for batch in self._batches(rows):
                self._run(batch, sampling)
        return rows

    def _batches(self, rows: Sequence[Row]) -> list[list[list[Row]]]:
        """Rows by trunk, trunks of alike length together, each batch's rectangle at most `max_rows` slots."""
        by_trunk: dict[TokenIds, list[Row]] = {}
        for row in rows:
            trunk = row.prompt.trunk or row.prompt.tail[:1]
            by_trunk.setdefault(trunk, []).append(row)
        batches: list[list[list[Row]]] = []
        widest = 0
        for trunk in sorted(by_trunk, key=lambda ids: (len(by_trunk[ids]), len(ids))):
            family = by_trunk[trunk]
            for start in range(0, len(family), self.max_rows):
                piece = family[start : start + self.max_rows]
                widest = max(widest, len(piece))
                if not batches or (len(batches[-1]) + 1) * widest > self.max_rows:
                    batches.append([])
                    widest = len(piece)
                batches[-1].append(piece)
        return batches

    def _run(self, families: list[list[Row]], sampling: Sampling) -> None:
        """Prefill trunks, then each distinct tail once, then decode until every row has ended."""
        trunks = TrunkRecorder([_trunk(family[0]) for family in families], self.device)
        last = torch.tensor([s + len(_trunk(f[0])) - 1 for s, f in zip(trunks.trunk_starts, families, strict=True)])
        trunk_logits = self._forward(trunks.input_ids, trunks.position_ids, trunks, last.to(self.device))[0]
        tails = [list(dict.fromkeys(_tail(row) for row in family)) for family in families]
        width = max(len(distinct) for distinct in tails)
        tail_size = max(len(tail) for distinct in tails for tail in distinct)
        cache = BranchCache(trunks, width, tail_size + sampling.max_tokens)
        logits = trunk_logits.repeat_interleave(width, 0)
        if tail_size:
            grid = [tail for distinct in tails for tail in _filled(distinct, width)]
            logits = self._prefill_tails(cache, grid, tail_size, logits)
        slots = max(len(family) for family in families)
        cells = [row for family in families for row in _filled(family, slots)]
        of_tail = [{tail: number * width + at for at, tail in enumerate(found)} for number, found in enumerate(tails)]
        prefilled = torch.tensor([of_tail[at // slots][_tail(row)] for at, row in enumerate(cells)], device=self.device)
        cache.regroup(torch.arange(len(families), device=self.device), prefilled, slots)
        logits = logits[prefilled]
        live = {row.index for family in families for row in family}
        while live:
            live = self._step(cells, live, logits, sampling)
            if not live:
                break
            cells = self._regroup(cache, cells, live)
            last_ids = torch.tensor([[row.token_ids[-1]] for row in cells], device=self.device)
            positions = cache.positions[:, None]
            cache.begin(1)
            logits = self._forward(last_ids, positions, cache, 1)[:, -1]
            cache.advance(torch.ones_like(cache.lengths))

    def _prefill_tails(self, cache: BranchCache, tails: Sequence[TokenIds], size: int, logits: Tensor) -> Tensor:
        """Read every cell's tail; empty ones keep the trunk's logits."""
        ids = torch.tensor([[*tail, *[0] * (size - len(tail))] for tail in tails], device=self.device)
        lengths = torch.tensor([len(tail) for tail in tails], device=self.device)
        positions = cache.positions[:, None] + torch.arange(size, device=self.device)
        cache.begin(size)
        every = self._hidden_last(ids, positions, cache, (lengths - 1).clamp_min(0))
        cache.advance(lengths)
        return torch.where((lengths > 0)[:, None], every, logits)

    def _hidden_last(self, ids: Tensor, positions: Tensor, cache: BranchCache, last: Tensor) -> Float[Tensor, "N V"]:
        """Logits at each row's own last position, computed at the distinct ones only."""
        distinct, where = torch.unique(last, return_inverse=True)
        logits = self._forward(ids, positions, cache, distinct)
        return logits[torch.arange(len(ids), device=self.device), where]

    def _step(self, cells: Sequence[Row], live: set[int], logits: Tensor, sampling: Sampling) -> set[int]:
        """Draw one token for every live row and return the indices still live. Filler slots draw nothing."""
        first_cell: dict[int, int] = {}
        for cell, row in enumerate(cells):
            if row.index in live:
                first_cell.setdefault(row.index, cell)
        chosen = torch.tensor(list(first_cell.values()), device=logits.device)
        rows = [cells[cell] for cell in first_cell.values()]
        tokens, logprobs = draw(
            logits[chosen], [row.prompt.key for row in rows], [len(row.token_ids) for row in rows], sampling.temperature
        )
        for row, token, logprob in zip(rows, tokens, logprobs, strict=True):
            row.token_ids.append(token)
            row.logprobs.append(logprob)
        return {
            r.index for r in rows if r.token_ids[-1] not in self.stop_ids and len(r.token_ids) < sampling.max_tokens
        }

    def _regroup(self, cache: BranchCache, cells: list[Row], live: set[int]) -> list[Row]:
        """Drop finished rows and trunks once enough of them have ended."""
        slots = cache.slots
        families: list[tuple[int, list[int]]] = []
        for trunk in range(len(cells) // slots):
            alive: dict[int, int] = {}
            for cell in range(trunk * slots, (trunk + 1) * slots):
                if cells[cell].index in live:
                    alive.setdefault(cells[cell].index, cell)
            if alive:
                families.append((trunk, list(alive.values())))
        width = max(len(alive) for _, alive in families)
        if len(families) * width > COMPACT_BELOW * len(cells):
            return cells
        grid = [cell for _, alive in families for cell in _filled(alive, width)]
        trunks = torch.tensor([trunk for trunk, _ in families], device=self.device)
        cache.regroup(trunks, torch.tensor(grid, device=self.device), width)
        return [cells[cell] for cell in grid]

    def _forward(self, ids: Tensor, positions: Tensor, tree: object, keep: int | Tensor) -> Tensor:
        logits: Tensor = self.model(
            input_ids=ids, position_ids=positions, use_cache=False, tree=tree, logits_to_keep=keep
        ).logits
        return logits


def _filled(items: Sequence[T], size: int) -> list[T]:
    """Items, then the first of them again and again, up to a size."""
    return [*items, *[items[0]] * (size - len(items))]


def _trunk(row: Row) -> TokenIds:
    """A prompt that is all tail lends its first token as the trunk: something must predict the next."""
    return row.prompt.trunk or row.prompt.tail[:1]


def _tail(row: Row) -> TokenIds:
    return row.prompt.tail if row.prompt.trunk else row.prompt.tail[1:]
