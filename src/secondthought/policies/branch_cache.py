"""Keys and values while sampling: each trunk's once, each branch's own in place, attention to both in one softmax.

Rows lie in a rectangle, U trunks by S slots, so that the queries of a trunk's branches meet its keys in one product.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from secondthought.policies.tree_attention import PackedTrees
from secondthought.types import TokenIds


class TrunkRecorder(PackedTrees):
    """Trunks laid out for one forward that also keeps each layer's keys and values, as (U, H, P, D) blocks."""

    def __init__(self, trunks: Sequence[TokenIds], device: torch.device) -> None:
        super().__init__([(trunk, ()) for trunk in trunks], device)
        self.keys: dict[int, Tensor] = {}
        self.values: dict[int, Tensor] = {}

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, *, scaling: float, window: int | None
    ) -> Tensor:
        """As its parent, keeping what passes."""
        for kept, new in ((self.keys, key), (self.values, value)):
            kept[layer] = new[0].transpose(0, 1)[self.trunk_index].transpose(1, 2).contiguous()
        return super().attend(layer, query, key, value, scaling=scaling, window=window)


class BranchCache:
    """Keys and values of U x S rows after their trunks: written in place, never copied while rows run."""

    def __init__(self, trunks: TrunkRecorder, slots: int, capacity: int) -> None:
        self.trunk_keys, self.trunk_values = dict(trunks.keys), dict(trunks.values)
        self.trunk_lengths = trunks.trunk_lengths
        self.device = trunks.device
        self.slots = slots
        self.capacity = capacity
        self.lengths: Int[Tensor, " N"] = torch.zeros(
            len(self.trunk_lengths) * slots, dtype=torch.long, device=self.device
        )
        self.keys: dict[int, Tensor] = {}
        self.values: dict[int, Tensor] = {}
        self._masks: dict[int | None, tuple[Tensor, Tensor]] = {}
        self._new = 0
        self._used = 0

    @property
    def positions(self) -> Int[Tensor, " N"]:
        """Position of each row's next token in its own sequence."""
        return self.trunk_lengths.repeat_interleave(self.slots) + self.lengths

    def begin(self, num_new: int) -> None:
        """Announce a forward over `num_new` tokens per row."""
        self._new = num_new
        self._used = int(self.lengths.max()) + num_new
        self._masks = {}

    def advance(self, num_real: Int[Tensor, " N"]) -> None:
        """End a forward: so many of each row's new tokens were real, the rest padding to be overwritten."""
        self.lengths = self.lengths + num_real

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, *, scaling: float, window: int | None
    ) -> Float[Tensor, "N T H D"]:
        """Attention of each row's new tokens to its trunk and to its own tokens so far."""
        rows, heads, new, size = query.shape
        kv_heads = key.shape[1]
        if layer not in self.keys:
            self.keys[layer] = key.new_zeros(rows, kv_heads, self.capacity, size)
            self.values[layer] = value.new_zeros(rows, kv_heads, self.capacity, size)
        self._write(self.keys[layer], key)
        self._write(self.values[layer], value)
        own_k, own_v = self.keys[layer][:, :, : self._used], self.values[layer][:, :, : self._used]
        trunk_k, trunk_v = self.trunk_keys[layer], self.trunk_values[layer]
        trunk_hidden, own_hidden = self._hidden(window)

        repeats, trunks = heads // kv_heads, len(self.trunk_lengths)
        q = (query * scaling).reshape(rows, kv_heads, repeats * new, size)
        by_trunk = q.view(trunks, self.slots, kv_heads, repeats * new, size).transpose(1, 2)
        by_trunk = by_trunk.reshape(trunks, kv_heads, self.slots * repeats * new, size)
        trunk_scores = (by_trunk @ trunk_k.transpose(2, 3)).view(trunks, kv_heads, self.slots, repeats * new, -1)
        trunk_scores = trunk_scores.transpose(1, 2).reshape(rows, kv_heads, repeats, new, -1)
        own_scores = (q @ own_k.transpose(2, 3)).view(rows, kv_heads, repeats, new, -1)
        scores = torch.cat(
            [trunk_scores.masked_fill(trunk_hidden, -torch.inf), own_scores.masked_fill(own_hidden, -torch.inf)], -1
        )
        weights = scores.float().softmax(-1).to(value.dtype)
        split = trunk_k.shape[2]
        on_trunk = weights[..., :split].reshape(trunks, self.slots, kv_heads, repeats * new, split).transpose(1, 2)
        from_trunk = on_trunk.reshape(trunks, kv_heads, -1, split) @ trunk_v
        from_trunk = from_trunk.view(trunks, kv_heads, self.slots, repeats * new, size).transpose(1, 2)
        from_own = weights[..., split:].reshape(rows, kv_heads, repeats * new, -1) @ own_v
        out = from_trunk.reshape(rows, kv_heads, repeats * new, size) + from_own
        return out.reshape(rows, heads, new, size).transpose(1, 2)

    def _write(self, block: Tensor, new: Tensor) -> None:
        """Put each row's new entries at its own length."""
        if self._new > 1:  # only ever the first forward, when all lengths are zero
            block[:, :, : self._new] = new
        else:
            at = self.lengths[:, None, None, None].expand(-1, block.shape[1], 1, block.shape[3])
            block.scatter_(2, at, new.to(block.dtype))

    def _hidden(self, window: int | None) -> tuple[Tensor, Tensor]:
        """True where a new token may not look: (N, 1, 1, T, P) over the trunk, (N, 1, 1, T, C) over its own tokens."""
        if window not in self._masks:
            trunk_lengths = self.trunk_lengths.repeat_interleave(self.slots)[:, None, None]
            own_at = self.lengths[:, None, None] + torch.arange(self._new, device=self.device)[None, :, None]
            trunk_key = torch.arange(self.trunk_keys[0].shape[2], device=self.device)
            own_key = torch.arange(self._used, device=self.device)
            trunk_hidden = (trunk_key >= trunk_lengths).expand(-1, self._new, -1)
            own_hidden = own_key > own_at
            if window is not None:
                trunk_hidden = trunk_hidden | (trunk_lengths + own_at - trunk_key >= window)
                own_hidden = own_hidden | (own_at - own_key >= window)
            self._masks[window] = (trunk_hidden[:, None, None], own_hidden[:, None, None])
        return self._masks[window]

    def regroup(self, trunks: Tensor, rows: Tensor, slots: int) -> None:
        """Keep these trunks, and these rows as the new rectangle."""
        self.trunk_lengths, self.lengths, self.slots = self.trunk_lengths[trunks], self.lengths[rows], slots
        for blocks in (self.trunk_keys, self.trunk_values):
            for layer in blocks:
                blocks[layer] = blocks[layer][trunks]
        for blocks in (self.keys, self.values):
            for layer in blocks:
                blocks[layer] = blocks[layer][rows]
