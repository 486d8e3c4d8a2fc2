"""Keys and values while sampling: each trunk's once, each branch's own in place, attention to both in one softmax.

Rows are the branches that run, in any number per trunk; for the products with a trunk's keys and values its rows are
laid side by side. All rows of a cache write to the same column, one further each step: a row's own tokens end at the
cursor and begin at a column of its own; what stands before and after is hidden.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from secondthought.inference.written import Written
from secondthought.models.tree_attention import AttentionRule, PackedTrees, matmul_dtype
from secondthought.types import TokenIds

CHUNK = 32
"""Columns by which blocks grow, one copy each time. Products read whole blocks: a slice of one would be copied first,
since batched products want their batches side by side, and what it holds beyond the cursor is hidden instead."""


class TrunkRecorder(PackedTrees):
    """Trunks laid out for one forward that also keeps each layer's keys, (U, H, D, P), and values, (U, H, P, D)."""

    def __init__(self, trunks: Sequence[TokenIds], device: torch.device) -> None:
        super().__init__([(trunk, ()) for trunk in trunks], device)
        self.ids = trunks
        self.keys: dict[int, Tensor] = {}
        self.values: dict[int, Tensor] = {}

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, rule: AttentionRule) -> Tensor:
        """Attend as the parent class does, and keep the keys and values that pass."""
        dtype = matmul_dtype(key)
        self.keys[layer] = key[0].transpose(0, 1)[self.trunk_index].permute(0, 2, 3, 1).to(dtype).contiguous()
        self.values[layer] = value[0].transpose(0, 1)[self.trunk_index].transpose(1, 2).to(dtype).contiguous()
        return super().attend(layer, query, key, value, rule)

    def trunks(self) -> Trunks:
        """Return the keys and values that were kept, layer by layer."""
        return Trunks(self.ids, self.keys, self.values)


class Trunks:
    """Keys (U, H, D, P) and values (U, H, P, D) of U trunks in every layer, padded on the right to the longest."""

    def __init__(self, ids: Sequence[TokenIds], keys: Mapping[int, Tensor], values: Mapping[int, Tensor]) -> None:
        """Hold keys and values of trunks; `ids` are the tokens that each trunk's were computed from."""
        self.ids = list(ids)
        self.keys = keys
        self.values = values
        self.size = max(len(trunk) for trunk in ids)

    @cached_property
    def num_bytes(self) -> int:
        """Return the bytes of all keys and values."""
        return sum(x.nbytes for blocks in (self.keys, self.values) for x in blocks.values())

    def pick(self, index: Sequence[int], lengths: Sequence[int] | None = None) -> Trunks:
        """Pick some of the trunks, in this order; of each its first tokens alone where `lengths` are given."""
        ids = [self.ids[at] for at in index]
        if lengths is not None:
            ids = [trunk[:length] for trunk, length in zip(ids, lengths, strict=True)]
        size = max(len(trunk) for trunk in ids)
        keys = {layer: x[index, :, :, :size] for layer, x in self.keys.items()}
        return Trunks(ids, keys, {layer: x[index, :, :size] for layer, x in self.values.items()})

    @staticmethod
    def join(parts: Sequence[Trunks]) -> Trunks:
        """Join the trunks of several caches, one after the other."""
        if len(parts) == 1:
            return parts[0]
        ids = [trunk for part in parts for trunk in part.ids]
        size = max(part.size for part in parts)
        layers = parts[0].keys
        keys = {n: torch.cat([pad(part.keys[n], (0, size - part.size)) for part in parts]) for n in layers}
        values = {n: torch.cat([pad(part.values[n], (0, 0, 0, size - part.size)) for part in parts]) for n in layers}
        return Trunks(ids, keys, values)


class BranchCache:
    """Keys and values of N rows after their trunks: written in place, copied once in `CHUNK` tokens."""

    def __init__(self, trunks: Trunks, trunk_of: Int[Tensor, " N"], tail_lengths: Int[Tensor, " N"]) -> None:
        """Lay out rows: `trunk_of` is each row's trunk; tails of `tail_lengths` are read next, aligned on the right."""
        self.device = trunk_of.device
        self._set_trunks(trunks, trunk_of)
        size = int(tail_lengths.max())
        self.starts: Int[Tensor, " N"] = size - tail_lengths
        self.cursor = 0
        self.capacity = _rounded_up(size + 1)
        self.keys: dict[int, Tensor] = {}
        self.values: dict[int, Tensor] = {}
        self._new = 0
        self._masks: dict[int | None, tuple[Tensor | None, Tensor]] = {}

    @property
    def num_rows(self) -> int:
        """Return N, the number of rows."""
        return len(self.starts)

    def positions(self, num_new: int) -> Int[Tensor, "N T"]:
        """Return positions of each row's next tokens in its own sequence; columns before its start have none, so 0."""
        columns = torch.arange(self.cursor, self.cursor + num_new, device=self.device)
        return (self.trunk_lengths[:, None] + columns - self.starts[:, None]).clamp_min(0)

    def begin(self, num_new: int) -> None:
        """Announce a forward over `num_new` columns."""
        self._masks = {}
        self._new = num_new
        wanted = _rounded_up(self.cursor + num_new)
        if wanted > self.capacity:
            self._resize(slice(None), 0, wanted)

    def end(self) -> None:
        """Close the forward: its columns count as read."""
        self.cursor += self._new

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, rule: AttentionRule
    ) -> Float[Tensor, "N T H D"]:
        """Attend from each row's new tokens to its trunk and to its own tokens so far."""
        rows, heads, new, size = query.shape
        kv_heads = key.shape[1]
        if layer not in self.keys:
            dtype = matmul_dtype(key)
            self.keys[layer] = key.new_zeros(rows, kv_heads, self.capacity, size, dtype=dtype)
            self.values[layer] = value.new_zeros(rows, kv_heads, self.capacity, value.shape[3], dtype=dtype)
        own_k, own_v = self.keys[layer], self.values[layer]
        own_k[:, :, self.cursor : self.cursor + new] = key
        own_v[:, :, self.cursor : self.cursor + new] = value
        # Queries of a row: its heads that share a key head, times its new tokens.
        q = (query * rule.scaling).to(own_k.dtype).reshape(rows, kv_heads, heads // kv_heads * new, size)
        on_trunk = rule.cap(self.grid.to_rows(self.grid.to_trunks(q) @ self.trunks.keys[layer]))
        on_own = rule.cap(q @ own_k.transpose(2, 3))
        trunk_hidden, own_hidden = self._hidden(rule.window)
        if trunk_hidden is not None:
            on_trunk.view(rows, kv_heads, -1, new, self.trunks.size).masked_fill_(trunk_hidden, -torch.inf)
        on_own.view(rows, kv_heads, -1, new, self.capacity).masked_fill_(own_hidden, -torch.inf)
        weights = torch.cat([on_trunk, on_own], -1).softmax(-1, dtype=torch.float32).to(own_v.dtype)
        on_trunk, on_own = weights[..., : self.trunks.size], weights[..., self.trunks.size :]
        out = self.grid.to_rows(self.grid.to_trunks(on_trunk) @ self.trunks.values[layer]) + on_own @ own_v
        return out.reshape(rows, heads, new, -1).transpose(1, 2)

    def _hidden(self, window: int | None) -> tuple[Bool[Tensor, "N 1 1 T P"] | None, Bool[Tensor, "N 1 1 T C"]]:
        """Mark where a new token may not look: in its trunk (None if it may everywhere), and in its own columns."""
        if window not in self._masks:
            trunk_lengths = self.trunk_lengths.view(-1, 1, 1, 1, 1)
            starts = self.starts.view(-1, 1, 1, 1, 1)
            at = torch.arange(self.cursor, self.cursor + self._new, device=self.device)[:, None]
            columns = torch.arange(self.capacity, device=self.device)
            trunk_at = torch.arange(self.trunks.size, device=self.device)
            trunk_hidden = trunk_at >= trunk_lengths
            own_hidden = (columns > at) | (columns < starts)
            if window is not None:
                trunk_hidden = trunk_hidden | (trunk_lengths + at - starts - trunk_at >= window)
                own_hidden = own_hidden | (at - columns >= window)
            self._masks[window] = (trunk_hidden if trunk_hidden.any() else None, own_hidden)
        return self._masks[window]

    def as_trunks(self, ids: Sequence[TokenIds]) -> Trunks:
        """Return each row's whole text as a trunk; `ids` are the tokens that were read, its trunk's first."""
        size = max(len(row) for row in ids)
        keys, values = {}, {}
        for layer, own_k in self.keys.items():
            own_v, trunk_k, trunk_v = self.values[layer], self.trunks.keys[layer], self.trunks.values[layer]
            keys[layer] = trunk_k.new_zeros(len(ids), *trunk_k.shape[1:3], size)
            values[layer] = trunk_v.new_zeros(len(ids), trunk_v.shape[1], size, trunk_v.shape[3])
            for row, (trunk, before, start) in enumerate(self._places()):
                after = before + self.cursor - start
                keys[layer][row, :, :, :before] = trunk_k[trunk, :, :, :before]
                keys[layer][row, :, :, before:after] = own_k[row, :, start : self.cursor].transpose(1, 2)
                values[layer][row, :, :before] = trunk_v[trunk, :, :before]
                values[layer][row, :, before:after] = own_v[row, :, start : self.cursor]
        return Trunks(ids, keys, values)

    def _places(self) -> list[tuple[int, int, int]]:
        """Return each row's trunk, that trunk's length, and the column at which the row's own tokens begin."""
        numbers = (self.grid.trunk_of, self.trunk_lengths, self.starts)
        return list(zip(*(x.tolist() for x in numbers), strict=True))

    def keep(self, rows: Int[Tensor, " N"]) -> None:
        """Keep these rows alone, or some of them several times, and only the trunks that they need."""
        needed, trunk_of = torch.unique(self.grid.trunk_of[rows], return_inverse=True)
        all_needed = len(needed) == len(self.trunks.ids)
        self._set_trunks(self.trunks if all_needed else self.trunks.pick(needed.tolist()), trunk_of)
        self.starts = self.starts[rows]
        unused = min(int(self.starts.min()), self.cursor)
        self._resize(rows, unused, _rounded_up(self.cursor - unused + 1))
        self.starts, self.cursor = self.starts - unused, self.cursor - unused

    def written(self, rows: Sequence[int]) -> Written:
        """Return a copy of what some rows hold of their own; the cache must have been through a forward."""
        at = torch.tensor(rows, device=self.device)
        starts = self.starts[at]
        unused = int(starts.min())
        blocks = ({n: x[at, :, unused : self.cursor] for n, x in part.items()} for part in (self.keys, self.values))
        return Written(starts - unused, *blocks)

    @staticmethod
    def after(trunks: Trunks, trunk_of: Int[Tensor, " N"], written: Written) -> BranchCache:
        """Return rows that go on from what others wrote, after the same trunks."""
        cache = BranchCache(trunks, trunk_of, torch.zeros_like(trunk_of))
        cache.starts, cache.cursor, cache.capacity = written.starts, written.size, written.size
        cache.keys, cache.values = dict(written.keys), dict(written.values)
        return cache

    @staticmethod
    def join(caches: Sequence[BranchCache]) -> BranchCache:
        """Join the rows of several caches, cursors aligned; a trunk that several hold is held once.

        Each must have been through a forward, or go on from what was (`after`).
        """
        trunks = Trunks.join(list({id(cache.trunks): cache.trunks for cache in caches}.values()))
        place = {ids: at for at, ids in enumerate(trunks.ids)}
        number = {ids: at for at, ids in enumerate(place)}
        trunks = trunks if len(place) == len(trunks.ids) else trunks.pick(list(place.values()))
        trunk_of = torch.cat([cache._numbered(number) for cache in caches])
        joined = BranchCache(trunks, trunk_of, torch.zeros_like(trunk_of))
        joined.cursor = max(cache.cursor for cache in caches)
        joined.capacity = _rounded_up(joined.cursor + 1)
        joined.starts = torch.cat([cache.starts + joined.cursor - cache.cursor for cache in caches])
        for layer in caches[0].keys:
            joined.keys[layer] = torch.cat([joined._aligned(cache.keys[layer], cache.cursor) for cache in caches])
            joined.values[layer] = torch.cat([joined._aligned(cache.values[layer], cache.cursor) for cache in caches])
        return joined

    def _numbered(self, number: Mapping[TokenIds, int]) -> Int[Tensor, " N"]:
        """Number each row's trunk anew."""
        return torch.tensor([number[ids] for ids in self.trunks.ids], device=self.device)[self.grid.trunk_of]

    def _aligned(self, block: Float[Tensor, "N H C D"], cursor: int) -> Float[Tensor, "N H C D"]:
        """Move another cache's block, written up to `cursor`, so that it ends at this one's."""
        return pad(block[:, :, :cursor], (0, 0, self.cursor - cursor, self.capacity - self.cursor))

    def _set_trunks(self, trunks: Trunks, trunk_of: Int[Tensor, " N"]) -> None:
        self.trunks = trunks
        self.grid = _Grid(trunk_of, len(trunks.ids))
        self.trunk_lengths = torch.tensor([len(ids) for ids in trunks.ids], device=self.device)[trunk_of]

    def _resize(self, rows: Int[Tensor, " N"] | slice, unused: int, capacity: int) -> None:
        """Give blocks of these rows another number of columns; the first `unused` ones are dropped."""
        for blocks in (self.keys, self.values):
            for layer, block in blocks.items():
                kept = block[rows, :, unused : self.cursor]
                blocks[layer] = pad(kept, (0, 0, 0, capacity - kept.shape[2]))
        self.capacity = capacity


class Caches:
    """Several caches in one forward: their rows one after the other."""

    def __init__(self, caches: Sequence[BranchCache]) -> None:
        self.caches = caches
        self.sizes = [cache.num_rows for cache in caches]

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, rule: AttentionRule
    ) -> Float[Tensor, "N T H D"]:
        """Let each cache attend for its own rows."""
        queries, keys, values = (torch.split(x, self.sizes) for x in (query, key, value))
        outputs = [
            cache.attend(layer, q, k, v, rule)
            for cache, q, k, v in zip(self.caches, queries, keys, values, strict=True)
        ]
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs)


class _Grid:
    """N rows as U trunks by S slots, S the most rows of a trunk; slots without a row hold zeros."""

    def __init__(self, trunk_of: Int[Tensor, " N"], trunks: int) -> None:
        counts = torch.bincount(trunk_of, minlength=trunks)
        order = torch.argsort(trunk_of, stable=True)
        first = counts.cumsum(0) - counts
        slot_of = torch.empty_like(trunk_of)
        slot_of[order] = torch.arange(len(trunk_of), device=trunk_of.device) - first[trunk_of[order]]
        self.trunk_of = trunk_of
        self.trunks, self.slots = trunks, int(counts.max())
        self.cell = trunk_of * self.slots + slot_of
        self.is_full = len(trunk_of) == trunks * self.slots and bool((self.cell[1:] > self.cell[:-1]).all())

    def to_trunks(self, x: Float[Tensor, "N H Q X"]) -> Float[Tensor, "U H SQ X"]:
        """Lay queries of a trunk's rows side by side."""
        heads, queries, size = x.shape[1:]
        if not self.is_full:
            x = x.new_zeros(self.trunks * self.slots, *x.shape[1:]).index_copy_(0, self.cell, x)
        by_slot = x.reshape(self.trunks, self.slots, heads, queries, size)
        return by_slot.transpose(1, 2).reshape(self.trunks, heads, self.slots * queries, size)

    def to_rows(self, x: Float[Tensor, "U H SQ X"]) -> Float[Tensor, "N H Q X"]:
        """Lay them out row by row again."""
        heads, size = x.shape[1], x.shape[3]
        by_slot = x.view(self.trunks, heads, self.slots, -1, size).transpose(1, 2)
        rows = by_slot.reshape(self.trunks * self.slots, heads, -1, size)
        return rows if self.is_full else rows.index_select(0, self.cell)


def _rounded_up(columns: int) -> int:
    return -(-columns // CHUNK) * CHUNK
