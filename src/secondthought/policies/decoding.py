"""Sampling many completions: trunks prefilled once, branch caches preallocated, rows leave and enter as others run.

Rows that enter together lie in a rectangle, U trunks by S slots, so that the queries of a trunk's branches meet its
keys in one product. A slot without a row repeats another row's computation and is never read. Tokens are drawn by
inverting the distribution at one uniform number per (row key, position), so that in fp32 they do not depend on which
rows share a batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedModel

from secondthought.policies.branch_cache import BranchCache, Rectangles, TrunkRecorder
from secondthought.policies.tree_attention import Attends, tree_attention
from secondthought.policies.uniforms import uniforms
from secondthought.types import Prompt, Sampling, TokenIds

T = TypeVar("T")

COMPACT_BELOW = 0.75
"""Rows are regrouped when fewer than this share of slots is still needed; each regrouping copies caches."""
VOCABULARY_ROWS = 64
"""Rows whose float64 cumulative distributions exist at once; bounds memory for vocabularies of 150,000 tokens."""


@dataclass(slots=True)
class Row:
    """One completion in the making: at most `limit` tokens. No two rows that run together have the same `index`."""

    index: int
    prompt: Prompt
    temperature: float
    limit: int
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
    """Completes prompts; `max_rows` bounds the slots that run at once, fillers included."""

    def __init__(self, model: PreTrainedModel, stop_ids: frozenset[int], max_rows: int = 1024) -> None:
        self.model = model
        self.stop_ids = stop_ids
        self.max_rows = max_rows

    def sample(self, prompts: Sequence[Prompt], sampling: Sampling, limits: Sequence[int] | None = None) -> list[Row]:
        """One row per prompt, in order. `limits` are most tokens per row, in place of one for all."""
        sizes = [sampling.max_tokens] * len(prompts) if limits is None else limits
        rows = [
            Row(index, prompt, sampling.temperature, size)
            for index, (prompt, size) in enumerate(zip(prompts, sizes, strict=True))
        ]
        with torch.no_grad(), tree_attention(self.model):
            flight = Flight(self.model, self.stop_ids, self.max_rows)
            flight.add(rows)
            while flight.busy:
                flight.step()
        return rows


class Flight:
    """Rows under way: finished ones leave, waiting ones enter, all that run share each forward.

    Rows that are added together and share trunks make up rectangles; a rectangle enters as soon as there is room.
    """

    def __init__(self, model: PreTrainedModel, stop_ids: frozenset[int], max_rows: int) -> None:
        self.model = model
        self.device = model.device
        self.stop_ids = stop_ids
        self.max_rows = max_rows
        self._waiting: deque[list[list[Row]]] = deque()
        self._running: list[_Rectangle] = []

    @property
    def busy(self) -> bool:
        """True while there is a row that has not ended."""
        return bool(self._waiting or self._running)

    def add(self, rows: Sequence[Row]) -> None:
        """Let rows wait for room; those with the same trunk share it if they are added together."""
        self._waiting.extend(_rectangles(rows, self.max_rows))

    def step(self) -> list[Row]:
        """One more token for every row that runs; returns the rows that ended with it."""
        self._admit()
        ended = self._draw()
        self._running = [rectangle for rectangle in self._running if rectangle.live]
        if self._running:
            for rectangle in self._running:
                rectangle.compact()
            self._decode()
        return ended

    def _admit(self) -> None:
        """Prefill waiting rectangles while there is room; a rectangle alone always has room."""
        taken = sum(rectangle.cache.num_rows for rectangle in self._running)
        while self._waiting:
            size = _num_slots(self._waiting[0])
            if self._running and taken + size > self.max_rows:
                break
            self._running.append(self._prefill(self._waiting.popleft()))
            taken += size

    def _prefill(self, families: list[list[Row]]) -> _Rectangle:
        """Read each trunk once, then each distinct tail of a trunk once; then give every row a slot."""
        trunks = TrunkRecorder([_trunk(family[0]) for family in families], self.device)
        last = [s + len(_trunk(f[0])) - 1 for s, f in zip(trunks.trunk_starts, families, strict=True)]
        keep = torch.tensor(last, device=self.device)
        trunk_logits = self._forward(trunks.input_ids, trunks.position_ids, trunks, keep)[0]
        tails = [list(dict.fromkeys(_tail(row) for row in family)) for family in families]
        width = max(len(distinct) for distinct in tails)
        grid = [tail for distinct in tails for tail in _filled(distinct, width)]
        cache = BranchCache(trunks, torch.tensor([len(tail) for tail in grid], device=self.device))
        logits = self._prefill_tails(cache, grid, trunk_logits.repeat_interleave(width, 0))
        slots = max(len(family) for family in families)
        cells = [row for family in families for row in _filled(family, slots)]
        of_tail = [{tail: number * width + at for at, tail in enumerate(found)} for number, found in enumerate(tails)]
        chosen = torch.tensor([of_tail[at // slots][_tail(row)] for at, row in enumerate(cells)], device=self.device)
        if chosen.tolist() != list(range(len(grid))):
            cache.regroup(torch.arange(len(families), device=self.device), chosen, slots)
            logits = logits[chosen]
        return _Rectangle(cache, cells, logits)

    def _prefill_tails(self, cache: BranchCache, tails: Sequence[TokenIds], logits: Tensor) -> Float[Tensor, "N V"]:
        """Read every tail, aligned on the right; empty ones keep the trunk's logits."""
        size = max(len(tail) for tail in tails)
        if not size:
            return logits
        ids = torch.tensor([[*[0] * (size - len(tail)), *tail] for tail in tails], device=self.device)
        positions = cache.positions(size)
        cache.begin(size)
        read = self._forward(ids, positions, Rectangles([cache]), 1)[:, -1]
        cache.end()
        has_tail = torch.tensor([bool(tail) for tail in tails], device=self.device)
        return torch.where(has_tail[:, None], read, logits)

    def _draw(self) -> list[Row]:
        """Draw one token for every live row, once however many slots repeat it; returns the rows that ended."""
        cells = [(r, cell) for r in self._running for cell in r.live]
        rows = [rectangle.cells[cell] for rectangle, cell in cells]
        logits = torch.cat([r.logits[torch.tensor(r.live, device=self.device)] for r in self._running])
        for temperature in {row.temperature for row in rows}:
            at = [number for number, row in enumerate(rows) if row.temperature == temperature]
            chosen = [rows[number] for number in at]
            part = logits if len(at) == len(rows) else logits[torch.tensor(at, device=self.device)]
            keys, positions = [row.prompt.key for row in chosen], [len(row.token_ids) for row in chosen]
            for row, token, logprob in zip(chosen, *draw(part, keys, positions, temperature), strict=True):
                row.token_ids.append(token)
                row.logprobs.append(logprob)
        ended = {row.index for row in rows if row.token_ids[-1] in self.stop_ids or len(row.token_ids) >= row.limit}
        for rectangle in self._running:
            rectangle.live = [cell for cell in rectangle.live if rectangle.cells[cell].index not in ended]
        return [row for row in rows if row.index in ended]

    def _decode(self) -> None:
        """Read every slot's last token; fillers repeat another slot's."""
        caches = [rectangle.cache for rectangle in self._running]
        ids = [[row.token_ids[-1]] for rectangle in self._running for row in rectangle.cells]
        positions = torch.cat([cache.positions(1) for cache in caches])
        for cache in caches:
            cache.begin(1)
        logits = self._forward(torch.tensor(ids, device=self.device), positions, Rectangles(caches), 1)[:, -1]
        for cache in caches:
            cache.end()
        parts = torch.split(logits, [cache.num_rows for cache in caches])
        for rectangle, part in zip(self._running, parts, strict=True):
            rectangle.logits = part

    def _forward(self, ids: Tensor, positions: Tensor, tree: Attends, keep: int | Tensor) -> Tensor:
        logits: Tensor = self.model(
            input_ids=ids, position_ids=positions, use_cache=False, tree=tree, logits_to_keep=keep
        ).logits
        return logits


class _Rectangle:
    """Rows that entered together. `cells` has a row per slot, `live` one slot of each row that has not ended."""

    def __init__(self, cache: BranchCache, cells: list[Row], logits: Float[Tensor, "N V"]) -> None:
        self.cache = cache
        self.cells = cells
        self.logits = logits
        first: dict[int, int] = {}
        for cell, row in enumerate(cells):
            first.setdefault(row.index, cell)
        self.live = list(first.values())

    def compact(self) -> None:
        """Drop ended rows and trunks once enough of them have ended; what remains keeps its order."""
        slots = self.cache.slots
        families: dict[int, list[int]] = {}
        for cell in self.live:
            families.setdefault(cell // slots, []).append(cell)
        width = max(len(cells) for cells in families.values())
        if len(families) * width > COMPACT_BELOW * len(self.cells):
            return
        grid = [cell for cells in families.values() for cell in _filled(cells, width)]
        self.live = [number * width + at for number, cells in enumerate(families.values()) for at in range(len(cells))]
        self.cache.regroup(
            torch.tensor(list(families), device=self.cache.device), torch.tensor(grid, device=self.cache.device), width
        )
        self.cells = [self.cells[cell] for cell in grid]


def _rectangles(rows: Sequence[Row], max_rows: int) -> list[list[list[Row]]]:
    """Rows by trunk, trunks of alike length together, each rectangle at most `max_rows` slots."""
    by_trunk: dict[TokenIds, list[Row]] = {}
    for row in rows:
        by_trunk.setdefault(_trunk(row), []).append(row)
    found: list[list[list[Row]]] = []
    widest = 0
    for trunk in sorted(by_trunk, key=lambda ids: (len(by_trunk[ids]), len(ids))):
        family = by_trunk[trunk]
        for start in range(0, len(family), max_rows):
            piece = family[start : start + max_rows]
            widest = max(widest, len(piece))
            if not found or (len(found[-1]) + 1) * widest > max_rows:
                found.append([])
                widest = len(piece)
            found[-1].append(piece)
    return found


def _num_slots(families: Sequence[Sequence[Row]]) -> int:
    return len(families) * max(len(family) for family in families)


def _filled(items: Sequence[T], size: int) -> list[T]:
    """Items, then the first of them again and again, up to a size."""
    return [*items, *[items[0]] * (size - len(items))]


def _trunk(row: Row) -> TokenIds:
    """A prompt that is all tail lends its first token as the trunk: something must predict the next."""
    return row.prompt.trunk or row.prompt.tail[:1]


def _tail(row: Row) -> TokenIds:
    return row.prompt.tail if row.prompt.trunk else row.prompt.tail[1:]
