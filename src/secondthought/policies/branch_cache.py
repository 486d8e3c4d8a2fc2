"""Keys and values while sampling: each trunk's once, each branch's own in place, attention to both in one softmax.

Rows lie in a rectangle, U trunks by S slots, so that the queries of a trunk's branches meet its keys in one product.
All rows of a rectangle write to the same column, one further each step: a row's own tokens end at the cursor and begin
at a column of its own; what stands before and after is hidden.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from secondthought.policies.tree_attention import PackedTrees, Rule
from secondthought.types import TokenIds

CHUNK = 32
"""Columns by which blocks grow, one copy each time. Products read whole blocks: a slice of one would be copied first,
since batched products want their batches side by side, and what it holds beyond the cursor is hidden instead."""


class TrunkRecorder(PackedTrees):
    """Trunks laid out for one forward that also keeps each layer's keys, (U, H, D, P), and values, (U, H, P, D)."""

    def __init__(self, trunks: Sequence[TokenIds], device: torch.device) -> None:
        super().__init__([(trunk, ()) for trunk in trunks], device)
        self.keys: dict[int, Tensor] = {}
        self.values: dict[int, Tensor] = {}

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, rule: Rule) -> Tensor:
        """As its parent, keeping what passes."""
        dtype = _matmul_dtype(key)
        self.keys[layer] = key[0].transpose(0, 1)[self.trunk_index].permute(0, 2, 3, 1).to(dtype).contiguous()
        self.values[layer] = value[0].transpose(0, 1)[self.trunk_index].transpose(1, 2).to(dtype).contiguous()
        return super().attend(layer, query, key, value, rule)


class BranchCache:
    """Keys and values of U x S rows after their trunks: written in place, copied once in `CHUNK` tokens."""

    def __init__(self, trunks: TrunkRecorder, tail_lengths: Int[Tensor, " N"]) -> None:
        """`tail_lengths` are those of the rows' tails, which are read next, aligned on the right; N = U x S."""
        self.trunk_keys, self.trunk_values = dict(trunks.keys), dict(trunks.values)
        self.trunk_lengths = trunks.trunk_lengths
        self.trunk_size = trunks.trunk_size
        self.device = trunks.device
        self.slots = len(tail_lengths) // len(self.trunk_lengths)
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
        """N, fillers included."""
        return len(self.starts)

    def positions(self, num_new: int) -> Int[Tensor, "N T"]:
        """Positions of each row's next tokens in its own sequence; columns before a row's start have none, so 0."""
        columns = torch.arange(self.cursor, self.cursor + num_new, device=self.device)
        trunks = self.trunk_lengths.repeat_interleave(self.slots)
        return (trunks[:, None] + columns - self.starts[:, None]).clamp_min(0)

    def begin(self, num_new: int) -> None:
        """Announce a forward over `num_new` columns."""
        self._masks = {}
        self._new = num_new
        wanted = _rounded_up(self.cursor + num_new)
        if wanted > self.capacity:
            self._resize(slice(None), 0, wanted)

    def end(self) -> None:
        """The forward is over."""
        self.cursor += self._new

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, rule: Rule) -> Float[Tensor, "N T H D"]:
        """Attention of each row's new tokens to its trunk and to its own tokens so far."""
        rows, heads, new, size = query.shape
        kv_heads, trunks, slots = key.shape[1], len(self.trunk_lengths), self.slots
        if layer not in self.keys:
            dtype = _matmul_dtype(key)
            self.keys[layer] = key.new_zeros(rows, kv_heads, self.capacity, size, dtype=dtype)
            self.values[layer] = value.new_zeros(rows, kv_heads, self.capacity, size, dtype=dtype)
        own_k, own_v = self.keys[layer], self.values[layer]
        own_k[:, :, self.cursor : self.cursor + new] = key
        own_v[:, :, self.cursor : self.cursor + new] = value
        trunk_k, trunk_v = self.trunk_keys[layer], self.trunk_values[layer]

        # Queries of a row: its heads that share a key head, times its new tokens. A trunk's queries: those of its rows.
        per_row = heads // kv_heads * new
        q = (query * rule.scaling).to(own_k.dtype).reshape(rows, kv_heads, per_row, size)
        on_trunk = rule.cap(_rows_to_trunks(q, trunks, slots) @ trunk_k)
        on_own = rule.cap(q @ own_k.transpose(2, 3))
        trunk_hidden, own_hidden = self._hidden(rule.window)
        if trunk_hidden is not None:
            by_token = on_trunk.view(trunks, kv_heads, slots, -1, new, self.trunk_size)
            by_token.masked_fill_(trunk_hidden, -torch.inf)
        on_own.view(rows, kv_heads, -1, new, self.capacity).masked_fill_(own_hidden, -torch.inf)
        scores = torch.cat([on_trunk, _rows_to_trunks(on_own, trunks, slots)], -1)
        weights = scores.softmax(-1, dtype=torch.float32).to(own_v.dtype)
        from_trunk = _trunks_to_rows(weights[..., : self.trunk_size] @ trunk_v, slots)
        out = from_trunk + _trunks_to_rows(weights[..., self.trunk_size :], slots) @ own_v
        return out.reshape(rows, heads, new, size).transpose(1, 2)

    def _hidden(self, window: int | None) -> tuple[Bool[Tensor, "U 1 S 1 T P"] | None, Bool[Tensor, "N 1 1 T C"]]:
        """True where a new token may not look: in its trunk (None if everywhere it may), and in its own columns."""
        if window not in self._masks:
            trunk_lengths = self.trunk_lengths.view(-1, 1, 1, 1, 1, 1)
            starts = self.starts.view(-1, 1, 1, 1, 1)
            at = torch.arange(self.cursor, self.cursor + self._new, device=self.device)[:, None]
            columns = torch.arange(self.capacity, device=self.device)
            trunk_at = torch.arange(self.trunk_size, device=self.device)
            trunk_hidden = trunk_at >= trunk_lengths
            own_hidden = (columns > at) | (columns < starts)
            if window is not None:
                by_trunk = starts.view(len(self.trunk_lengths), self.slots, 1, 1, 1).unsqueeze(1)
                trunk_hidden = trunk_hidden | (trunk_lengths + at - by_trunk - trunk_at >= window)
                own_hidden = own_hidden | (at - columns >= window)
            self._masks[window] = (trunk_hidden if trunk_hidden.any() else None, own_hidden)
        return self._masks[window]

    def regroup(self, trunks: Int[Tensor, " U"], rows: Int[Tensor, " N"], slots: int) -> None:
        """Keep these trunks, and these rows as the new rectangle."""
        self.trunk_lengths, self.slots = self.trunk_lengths[trunks], slots
        for blocks in (self.trunk_keys, self.trunk_values):
            for layer in blocks:
                blocks[layer] = blocks[layer][trunks]
        self.starts = self.starts[rows]
        unused = min(int(self.starts.min()), self.cursor)
        self._resize(rows, unused, _rounded_up(self.cursor - unused + 1))
        self.starts, self.cursor = self.starts - unused, self.cursor - unused

    def _resize(self, rows: Int[Tensor, " N"] | slice, unused: int, capacity: int) -> None:
        """Blocks of these rows with other numbers of columns, the first `unused` ones dropped."""
        for blocks in (self.keys, self.values):
            for layer, block in blocks.items():
                kept = block[rows, :, unused : self.cursor]
                blocks[layer] = torch.nn.functional.pad(kept, (0, 0, 0, capacity - kept.shape[2]))
        self.capacity = capacity


class Rectangles:
    """Several caches in one forward: their rows one after the other."""

    def __init__(self, caches: Sequence[BranchCache]) -> None:
        self.caches = caches
        self.sizes = [cache.num_rows for cache in caches]

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, rule: Rule) -> Float[Tensor, "N T H D"]:
        """Each cache attends for its own rows."""
        queries, keys, values = (torch.split(x, self.sizes) for x in (query, key, value))
        outputs = [
            cache.attend(layer, q, k, v, rule)
            for cache, q, k, v in zip(self.caches, queries, keys, values, strict=True)
        ]
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs)


def _rounded_up(columns: int) -> int:
    return -(-columns // CHUNK) * CHUNK


def _matmul_dtype(x: Tensor) -> torch.dtype:
    """What products of it are computed in: kept in that type, keys and values are not converted at every step."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


def _rows_to_trunks(x: Float[Tensor, "N H Q K"], trunks: int, slots: int) -> Float[Tensor, "U H SQ K"]:
    """Queries of a trunk's rows side by side."""
    if slots == 1:
        return x
    heads, queries, size = x.shape[1:]
    return x.view(trunks, slots, heads, queries, size).transpose(1, 2).reshape(trunks, heads, slots * queries, size)


def _trunks_to_rows(x: Float[Tensor, "U H SQ K"], slots: int) -> Float[Tensor, "N H Q K"]:
    """The way back."""
    if slots == 1:
        return x
    trunks, heads, queries, size = x.shape
    by_slot = x.view(trunks, heads, slots, queries // slots, size).transpose(1, 2)
    return by_slot.reshape(trunks * slots, heads, queries // slots, size)
