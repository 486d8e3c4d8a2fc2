"""Keys and values while sampling: each trunk's once, each branch's own in place, attention to both in one softmax.

Rows lie in a rectangle, U trunks by S slots, so that the queries of a trunk's branches meet its keys in one product.
All rows of a rectangle write to the same column, one further each step: a row's own tokens end at the cursor and begin
at a column of its own, and what stands before that is hidden.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from secondthought.policies.tree_attention import PackedTrees, Rule
from secondthought.types import TokenIds

FIRST_COLUMNS = 256
"""Columns allocated beyond the tails at first; a longer completion doubles them, so copies stay rare."""


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
    """Keys and values of U x S rows after their trunks: written in place, never copied while rows run."""

    def __init__(self, trunks: TrunkRecorder, tail_lengths: Int[Tensor, " N"], max_tokens: int) -> None:
        """`tail_lengths` are those of the rows' tails, which are read next, aligned on the right; N = U x S."""
        self.trunk_keys, self.trunk_values = dict(trunks.keys), dict(trunks.values)
        self.trunk_lengths = trunks.trunk_lengths
        self.trunk_size = trunks.trunk_size
        self.device = trunks.device
        self.slots = len(tail_lengths) // len(self.trunk_lengths)
        size = int(tail_lengths.max())
        self.starts: Int[Tensor, " N"] = size - tail_lengths
        self.cursor = 0
        self.capacity = size + min(max_tokens, FIRST_COLUMNS)
        self.keys: dict[int, Tensor] = {}
        self.values: dict[int, Tensor] = {}
        self._new = 0
        self._masks: dict[int | None, Tensor | None] = {}

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
        if self._new != num_new or any(window is not None or mask is not None for window, mask in self._masks.items()):
            self._masks = {}
        self._new = num_new
        while self.cursor + num_new > self.capacity:
            for blocks in (self.keys, self.values):
                for layer, block in blocks.items():
                    blocks[layer] = torch.cat([block, torch.zeros_like(block)], 2)
            self.capacity *= 2

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
        used = self.cursor + new
        self.keys[layer][:, :, self.cursor : used] = key
        self.values[layer][:, :, self.cursor : used] = value
        own_k, own_v = self.keys[layer][:, :, :used], self.values[layer][:, :, :used]
        trunk_k, trunk_v = self.trunk_keys[layer], self.trunk_values[layer]

        # Queries of a row: its heads that share a key head, times its new tokens. A trunk's queries: those of its rows.
        per_row = heads // kv_heads * new
        q = (query * rule.scaling).to(own_k.dtype).reshape(rows, kv_heads, per_row, size)
        by_trunk = _rows_to_trunks(q, trunks, slots)
        own_scores = _rows_to_trunks(q @ own_k.transpose(2, 3), trunks, slots)
        scores = rule.cap(torch.cat([by_trunk @ trunk_k, own_scores], -1))
        hidden = self._hidden(rule.window)
        if hidden is not None:
            scores.view(trunks, kv_heads, slots, -1, new, scores.shape[-1]).masked_fill_(hidden, -torch.inf)
        weights = scores.softmax(-1, dtype=torch.float32).to(own_v.dtype)
        from_trunk = _trunks_to_rows(weights[..., : self.trunk_size] @ trunk_v, slots)
        out = from_trunk + _trunks_to_rows(weights[..., self.trunk_size :], slots) @ own_v
        return out.reshape(rows, heads, new, size).transpose(1, 2)

    def _hidden(self, window: int | None) -> Bool[Tensor, "U 1 S 1 T K"] | None:
        """True where a new token may not look, over trunk keys and own ones; None if all may look everywhere."""
        if window not in self._masks:
            self._masks[window] = self._mask(window)
        return self._masks[window]

    def _mask(self, window: int | None) -> Bool[Tensor, "U 1 S 1 T K"] | None:
        used = self.cursor + self._new
        trunk_lengths = self.trunk_lengths.repeat_interleave(self.slots)[:, None, None]
        starts = self.starts[:, None, None]
        own_at = torch.arange(self.cursor, used, device=self.device)[None, :, None]
        own_key, trunk_key = torch.arange(used, device=self.device), torch.arange(self.trunk_size, device=self.device)
        on_trunk = (trunk_key >= trunk_lengths).expand(-1, self._new, -1)
        on_own = (own_key > own_at) | (own_key < starts)
        if window is not None:
            on_trunk = on_trunk | (trunk_lengths + own_at - starts - trunk_key >= window)
            on_own = on_own | (own_at - own_key >= window)
        hidden = torch.cat([on_trunk, on_own], -1)
        if not hidden.any():
            return None
        return hidden.view(len(self.trunk_lengths), 1, self.slots, 1, self._new, -1)

    def regroup(self, trunks: Int[Tensor, " U"], rows: Int[Tensor, " N"], slots: int) -> None:
        """Keep these trunks, and these rows as the new rectangle."""
        self.trunk_lengths, self.slots = self.trunk_lengths[trunks], slots
        for blocks in (self.trunk_keys, self.trunk_values):
            for layer in blocks:
                blocks[layer] = blocks[layer][trunks]
        self.starts = self.starts[rows]
        unused = min(int(self.starts.min()), self.cursor)
        for blocks in (self.keys, self.values):
            for layer, block in blocks.items():
                kept = block.new_zeros(len(rows), block.shape[1], self.capacity - unused, block.shape[3])
                kept[:, :, : self.cursor - unused] = block[rows, :, unused : self.cursor]
                blocks[layer] = kept
        self.starts, self.cursor = self.starts - unused, self.cursor - unused
        self.capacity -= unused
        self._masks = {}


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
