"""Sampling many completions: trunks prefilled once, branch caches preallocated, rows leave and enter as others run.

Tokens are drawn by inverting the distribution at one uniform number per (row key, position), so that in fp32 they do
not depend on which rows share a batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedModel

from secondthought.inference.branch_cache import BranchCache, Caches, Trunks
from secondthought.inference.drawing import Choose, draw
from secondthought.inference.reading import PromptReader, joined, left_of
from secondthought.inference.row_limit import most_rows
from secondthought.inference.written import Beginning, Endings
from secondthought.models.tree_attention import tree_attention
from secondthought.types import Prompt, Sampling, TokenIds

COMPACT_BELOW = 0.75
"""Ended rows are dropped when no more than this share of a cache's rows still runs; each time copies the cache."""
ENTER_ABOVE = 0.25
"""Waiting rows enter when they are at least this share of the running ones."""
ALIKE = 4
"""Most rows of a trunk for each row of the trunk with the fewest, in rows that enter together."""
LONGER, WORTH_A_WAVE = 1.5, 128
"""Trunks this much longer than the shortest enter in a wave of their own if so many rows are left behind."""
SMALL = 32
"""Waves of no more rows run as one: what each costs by itself is then more than what padding costs them together."""


@dataclass(slots=True)
class Row:
    """A completion in the making, of at most `limit` tokens."""

    prompt: Prompt
    temperature: float
    limit: int
    ticket: int = 0
    """Whose it is; nothing here depends on it."""
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    ended: bool = False
    beginning: Beginning | None = None
    """The place at which some of its tail has been read; None once the row has entered."""


class SharedSampler:
    """Completes prompts; `max_rows` bounds the rows that run at once, by default as `row_limit` has it."""

    def __init__(
        self,
        model: PreTrainedModel,
        stop_ids: frozenset[int],
        max_rows: int | None = None,
        choose: Choose | None = None,
    ) -> None:
        self.model = model
        self.stop_ids = stop_ids
        self.max_rows = max_rows or _most_rows(model)
        self.choose = choose or draw

    def sample(self, prompts: Sequence[Prompt], sampling: Sampling, limits: Sequence[int] | None = None) -> list[Row]:
        """Sample one row per prompt, in order. `limits` are most tokens per row, in place of one for all."""
        sizes = [sampling.max_tokens] * len(prompts) if limits is None else limits
        rows = [Row(prompt, sampling.temperature, size) for prompt, size in zip(prompts, sizes, strict=True)]
        with torch.no_grad(), tree_attention(self.model):
            flight = Flight(self.model, self.stop_ids, self.max_rows, self.choose)
            flight.add(rows)
            while flight.busy:
                flight.step()
        return rows


class Flight:
    """Rows under way: finished ones leave, waiting ones enter, all that run share each forward.

    Rows that enter together share a cache, and trunks among them. They wait until there are enough of them, since each
    entry costs a forward of its own. What was read of a trunk before is not read again; nor is what a row wrote, by one
    that goes on from there and is added before the next step. Needs `torch.no_grad` and `tree_attention` around it.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        stop_ids: frozenset[int],
        max_rows: int | None = None,
        choose: Choose | None = None,
    ) -> None:
        """Prepare to sample; `max_rows` bounds the rows that run at once, by default as `row_limit` has it."""
        self.model = model
        self.choose = choose or draw
        self.device = model.device
        self.stop_ids = stop_ids
        self.max_rows = max_rows or _most_rows(model)
        self._waiting: list[Row] = []
        self._running: list[_Wave] = []
        self._reader = PromptReader(model)
        self._endings = Endings()

    @property
    def busy(self) -> bool:
        """Return whether a row has not ended yet."""
        return bool(self._waiting or self._running)

    def add(self, rows: Sequence[Row]) -> None:
        """Let rows wait for room."""
        for row in rows:
            row.beginning = self._endings.find(_trunk(row), _tail(row))
        self._waiting.extend(rows)

    def step(self) -> list[Row]:
        """Sample one more token for every row that runs; return the rows that ended with it."""
        self._endings.clear()
        self._admit()
        ended = self._draw()
        self._running = [wave for wave in self._running if wave.live]
        if self._running:
            for wave in self._running:
                wave.compact()
            self._running = _merged(self._running)
            self._decode()
        return ended

    def _admit(self) -> None:
        """Let waiting rows enter if there is room for them and they are worth a forward."""
        running = sum(len(wave.live) for wave in self._running)
        room = self.max_rows - running
        if self._waiting and room > 0 and min(len(self._waiting), room) >= ENTER_ABOVE * running:
            entering, self._waiting = self._waiting[:room], self._waiting[room:]
            for rows in _alike(entering):
                self._running.append(self._enter(rows))

    def _enter(self, rows: list[Row]) -> _Wave:
        """Read each trunk once, then each distinct tail of a trunk once; then give every row its own."""
        wanted = list(dict.fromkeys(_trunk(row) for row in rows))
        running = [wave.cache.trunks for wave in self._running]
        trunks, logits = self._reader.trunks(wanted, {_trunk(row) for row in rows if not _tail(row)}, running)
        number = {trunk: at for at, trunk in enumerate(trunks.ids)}
        distinct = {(number[_trunk(row)], _tail(row)): row.beginning for row in rows}
        cache, logits, order = self._read(trunks, logits, distinct)
        place = {key: at for at, key in enumerate(order)}
        chosen = [place[number[_trunk(row)], _tail(row)] for row in rows]
        if chosen != list(range(len(distinct))):
            cache.keep(self._tensor(chosen))
            logits = logits[self._tensor(chosen)]
        for row in rows:
            row.beginning = None  # its keys and values are in the cache now
        return _Wave(cache, rows, logits)

    def _read(
        self,
        trunks: Trunks,
        trunk_logits: Float[Tensor, "U V"] | None,
        tails: Mapping[tuple[int, TokenIds], Beginning | None],
    ) -> tuple[BranchCache, Float[Tensor, "N V"], list[tuple[int, TokenIds]]]:
        """Read tails, each after the trunk with this number; return their cache, logits, and order."""
        begun = [(trunk, tail, found) for (trunk, tail), found in tails.items() if found is not None]
        most = max(map(left_of, begun), default=0)
        begun = [row for row in begun if len(row[1]) > most]
        pieces = dict.fromkeys(id(row[2].written) for row in begun)
        number = {piece: at for at, piece in enumerate(pieces)}  # so that the order is the same in every run
        begun.sort(key=lambda row: (number[id(row[2].written)], left_of(row)))
        known = {(trunk, tail): None for trunk, tail, _ in begun}
        new = [key for key in tails if key not in known]
        read = [self._reader.rows(trunks, trunk_logits, new)] if new else []
        read += [self._reader.rows_on(trunks, begun)] if begun else []
        return *joined(read), [*new, *known]

    def _draw(self) -> list[Row]:
        """Draw one token for every live row; returns the rows that ended with it."""
        rows = [wave.rows[at] for wave in self._running for at in wave.live]
        parts = [wave.live_logits for wave in self._running]
        logits = parts[0] if len(parts) == 1 else torch.cat(parts)
        for temperature in {row.temperature for row in rows}:
            at = [number for number, row in enumerate(rows) if row.temperature == temperature]
            chosen = [rows[number] for number in at]
            part = logits if len(at) == len(rows) else logits[self._tensor(at)]
            keys, positions = [row.prompt.key for row in chosen], [len(row.token_ids) for row in chosen]
            for row, token, logprob in zip(chosen, *self.choose(part, keys, positions, temperature), strict=True):
                row.token_ids.append(token)
                row.logprobs.append(logprob)
                row.ended = token in self.stop_ids or len(row.token_ids) >= row.limit
        for wave in self._running:
            self._keep_endings(wave)
            wave.live = [at for at in wave.live if not wave.rows[at].ended]
        return [row for row in rows if row.ended]

    def _keep_endings(self, wave: _Wave) -> None:
        """Keep what rows wrote that have just ended; a row's last token was drawn and not read."""
        ended = [at for at in wave.live if wave.rows[at].ended]
        if ended and wave.cache.keys:
            rows = [wave.rows[at] for at in ended]
            read = [(_trunk(row), _tail(row) + tuple(row.token_ids[:-1])) for row in rows]
            self._endings.add(wave.cache.written(ended), read)

    def _decode(self) -> None:
        """Read every row's last token; what ended rows still compute is not read."""
        caches = [wave.cache for wave in self._running]
        ids = self._tensor([[row.token_ids[-1]] for wave in self._running for row in wave.rows])
        positions = torch.cat([cache.positions(1) for cache in caches])
        for cache in caches:
            cache.begin(1)
        logits = self._reader.forward(ids, positions, Caches(caches), 1)[:, -1]
        for cache in caches:
            cache.end()
        parts = torch.split(logits, [cache.num_rows for cache in caches])
        for wave, part in zip(self._running, parts, strict=True):
            wave.logits = part

    def _tensor(self, values: Sequence[Any]) -> Tensor:
        return torch.tensor(values, dtype=torch.long, device=self.device)


class _Wave:
    """Rows that entered together; `live` are the places of those that have not ended."""

    def __init__(self, cache: BranchCache, rows: list[Row], logits: Float[Tensor, "N V"]) -> None:
        self.cache = cache
        self.rows = rows
        self.logits = logits
        self.live = list(range(len(rows)))

    @property
    def live_logits(self) -> Float[Tensor, "N V"]:
        """Return the logits of rows that have not ended, without a copy where all run."""
        live = self.live
        return self.logits if len(live) == len(self.rows) else self.logits[torch.tensor(live, device=self.cache.device)]

    def compact(self) -> None:
        """Drop ended rows once there are enough of them."""
        if len(self.live) <= COMPACT_BELOW * len(self.rows):
            self.cache.keep(torch.tensor(self.live, device=self.cache.device))
            self.rows = [self.rows[at] for at in self.live]
            self.live = list(range(len(self.rows)))


def _most_rows(model: PreTrainedModel) -> int:
    return most_rows(model.num_parameters(), on_cpu=model.device.type == "cpu")


def _merged(waves: list[_Wave]) -> list[_Wave]:
    """Make small waves one; a wave that has not been through a forward yet has nothing to join."""
    small = [wave for wave in waves if len(wave.rows) <= SMALL and wave.cache.keys]
    if len(small) < 2:
        return waves
    rows = [row for wave in small for row in wave.rows]
    one = _Wave(BranchCache.join([wave.cache for wave in small]), rows, torch.cat([wave.logits for wave in small]))
    one.live = [at for at, row in enumerate(rows) if not row.ended]
    return [*(wave for wave in waves if wave not in small), one]


def _alike(rows: Sequence[Row]) -> list[list[Row]]:
    """Sort rows into waves whose trunks are alike in length and number of rows: the largest decides the layout.

    A further wave costs its own calls in every layer, so length divides only waves that have `WORTH_A_WAVE` rows.
    """
    families: dict[TokenIds, list[Row]] = {}
    for row in rows:
        families.setdefault(_trunk(row), []).append(row)
    by_count: list[list[TokenIds]] = []
    for trunk in sorted(families, key=lambda ids: len(families[ids])):
        if not by_count or len(families[trunk]) > ALIKE * len(families[by_count[-1][0]]):
            by_count.append([])
        by_count[-1].append(trunk)
    waves: list[list[Row]] = []
    for trunks in by_count:
        waves.append([])
        shortest = 0
        for trunk in sorted(trunks, key=len):
            if len(waves[-1]) >= WORTH_A_WAVE and len(trunk) > LONGER * shortest:
                waves.append([])
            shortest = len(trunk) if not waves[-1] else shortest
            waves[-1].extend(families[trunk])
    return waves


def _trunk(row: Row) -> TokenIds:
    """Return a row's trunk; a prompt that is all tail lends its first token, since something must predict the next."""
    return row.prompt.trunk or row.prompt.tail[:1]


def _tail(row: Row) -> TokenIds:
    return row.prompt.tail if row.prompt.trunk else row.prompt.tail[1:]
