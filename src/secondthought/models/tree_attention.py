"""Attention over token trees reads one flat row of tokens: each trunk once, every branch seeing its trunk and itself.

All tokens of several trees lie in one row without padding, so embeddings, projections, MLPs and the head compute
nothing twice and nothing for padding. Only attention needs the tree's shape: it gathers queries and keys into padded
blocks, attends, and puts the results back. No key-value cache is involved, so the gradient flows into the trunk by
construction, and gradient checkpointing cannot drop it.

It plugs into `transformers` through `AttentionInterface`: inside `tree_attention(model)`, a forward that is given
`tree=` calls `tree.attend` in every layer. Rotary embeddings follow `position_ids`, which count along each branch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol, TypeAlias

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel

from secondthought.errors import PolicyError
from secondthought.models import merged_attention
from secondthought.trees import TokenTree
from secondthought.types import TokenIds

IMPLEMENTATION = "secondthought_tree"
Pair: TypeAlias = tuple[Tensor, Tensor]
"""Keys and values, or something of both."""


class AttentionRule(NamedTuple):
    """An `AttentionRule` says how a layer scores: factor of products, how far back it looks, cap of scores."""

    scaling: float
    window: int | None = None
    softcap: float | None = None

    def cap(self, scores: Tensor) -> Tensor:
        """Cap scores as Gemma 2 does, where the layer caps them."""
        return scores if self.softcap is None else self.softcap * torch.tanh(scores / self.softcap)


class TreeLayout(Protocol):
    """A `TreeLayout` attends for the tokens of a forward inside `tree_attention`, which gets it as `tree=`."""

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, rule: AttentionRule) -> Tensor:
        """Return the output (B, T, H, D) for queries (B, H, T, D) and this call's keys and values (B, H_kv, T, D)."""
        ...


_FOLLOWED = frozenset({"tree", "scaling", "sliding_window", "softcap"})
"""Settings of a layer that trees attend by."""
_OF_NO_EFFECT = frozenset(
    {"position_ids", "cache_position", "use_cache", "return_dict", "logits_to_keep"}
    | {f"output_{what}" for what in ("attentions", "hidden_states", "router_logits")}
)
"""Arguments that layers pass through on their way and attention does not depend on."""
_WITHOUT_EFFECT = {"dropout": 0.0, "is_causal": True, "s_aux": None, "encoder_hidden_states": None, "head_mask": None}
"""Settings that change nothing at these values; at others trees do not know them (`s_aux`: sinks of attention)."""


def _dispatch(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, **settings: Any
) -> tuple[Tensor, None]:
    tree: TreeLayout | None = settings.get("tree")
    if tree is None:
        raise PolicyError("its layers do not pass extra arguments on to attention")
    unknown = sorted(name for name in settings if not _is_known(name, settings[name]))
    if unknown:
        raise PolicyError(f"its layers attend by a setting that shared trunks do not know ({', '.join(unknown)})")
    scaling = settings.get("scaling") or query.shape[-1] ** -0.5
    rule = AttentionRule(scaling, settings.get("sliding_window"), settings.get("softcap"))
    return tree.attend(module.layer_idx, query, key, value, rule), None


def _is_known(name: str, value: Any) -> bool:
    """Return whether trees attend rightly under a layer's setting; one that nobody knows is never passed over."""
    if name in _WITHOUT_EFFECT:
        return value is None or (not isinstance(value, Tensor) and value == _WITHOUT_EFFECT[name])
    return name in _FOLLOWED or name in _OF_NO_EFFECT


AttentionInterface.register(IMPLEMENTATION, _dispatch)


def unseen(model: PreTrainedModel, windows: Mapping[int, int | None], length: int) -> str | None:
    """Say what of a model's attention would show only on rows longer than `length`, so that no short one tells.

    Args:
        model: its config names kinds of layers and their window.
        windows: what each layer passed on to attention as its window.
        length: of the longest row that was read.
    """
    config = model.config.get_text_config()
    kinds = getattr(config, "layer_types", None) or ()
    others = sorted(set(kinds) - {"full_attention", "sliding_attention"})
    if others:
        return f"its layers ({', '.join(others)}) may attend by a rule that shows on longer texts alone"
    named = getattr(config, "sliding_window", None)
    for layer, passed in windows.items():
        slides = not kinds or (layer < len(kinds) and kinds[layer] == "sliding_attention")
        wanted = named if slides else None
        if wanted != passed and max(wanted or 0, passed or 0) > length:
            return f"its config gives layer {layer} a window of {wanted}, and that layer attends by one of {passed}"
    return None


@contextmanager
def tree_attention(model: PreTrainedModel) -> Iterator[None]:
    """Let forwards of this model in the block attend through their `tree=` argument."""
    configs = {id(c): c for c in (m.config for m in model.modules() if isinstance(m, PreTrainedModel))}
    before = {name: config._attn_implementation for name, config in configs.items()}
    try:
        for config in configs.values():
            config._attn_implementation_internal = IMPLEMENTATION
        yield
    finally:
        for name, config in configs.items():
            config._attn_implementation_internal = before[name]


class PackedTrees:
    """`PackedTrees` are trees laid out in one flat row: trunk 0, its branches, trunk 1, its branches, and so on.

    Blocks: `trunk_index` (U, P) and `branch_index` (U, G, R) hold flat positions, right-padded with 0; what padding
    computes is never read. U trees, P longest trunk, G most branches of a tree, R longest branch.
    """

    def __init__(self, trees: Sequence[tuple[TokenIds, Sequence[TokenIds]]], device: torch.device) -> None:
        """Lay out `trees`: (trunk ids, ids of each branch) per tree."""
        self.device = device
        self.num_trees = len(trees)
        self.trunk_size = max(len(trunk) for trunk, _ in trees)
        self.group_size = max(len(branches) for _, branches in trees)
        self.branch_size = max((len(ids) for _, branches in trees for ids in branches), default=0)
        self.trunk_starts: list[int] = []
        self.branch_starts: list[list[int]] = []
        token_ids: list[int] = []
        positions: list[int] = []
        for trunk, branches in trees:
            self.trunk_starts.append(len(token_ids))
            token_ids += trunk
            positions += range(len(trunk))
            starts = []
            for ids in branches:
                starts.append(len(token_ids))
                token_ids += ids
                positions += range(len(trunk), len(trunk) + len(ids))
            self.branch_starts.append(starts)
        self.trunk_lengths = torch.tensor([len(trunk) for trunk, _ in trees], device=device)
        self.input_ids: Int[Tensor, "1 N"] = torch.tensor([token_ids], device=device)
        self.position_ids: Int[Tensor, "1 N"] = torch.tensor([positions], device=device)
        self._index_blocks(trees)
        self.windows: dict[int, int | None] = {}
        """How far back each layer looked, by its own word; known after a forward."""
        self._branch_masks: dict[int | None, Tensor] = {}
        self._trunk_biases: dict[torch.dtype, Tensor | None] = {}

    def _index_blocks(self, trees: Sequence[tuple[TokenIds, Sequence[TokenIds]]]) -> None:
        """Index the layout in both directions: flat positions of each block's cells, and each flat token's cell."""
        U, P, G, R = self.num_trees, self.trunk_size, self.group_size, self.branch_size
        trunk_index = torch.zeros(U, P, dtype=torch.long)
        branch_index = torch.zeros(U, G, R, dtype=torch.long)
        cell = torch.empty(self.input_ids.shape[1], dtype=torch.long)
        for u, (trunk, branches) in enumerate(trees):
            start, size = self.trunk_starts[u], len(trunk)
            trunk_index[u, :size] = torch.arange(start, start + size)
            cell[start : start + size] = torch.arange(u * P, u * P + size)
            for g, ids in enumerate(branches):
                start, size = self.branch_starts[u][g], len(ids)
                branch_index[u, g, :size] = torch.arange(start, start + size)
                first = U * P + (u * G + g) * R
                cell[start : start + size] = torch.arange(first, first + size)
        self.trunk_index = trunk_index.to(self.device)
        self.branch_index = branch_index.to(self.device)
        self.cell = cell.to(self.device)

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, rule: AttentionRule
    ) -> Float[Tensor, "1 N H D"]:
        """Compute the attention of every token to its ancestors in its own tree and itself."""
        self.windows[layer] = rule.window
        q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))  # (N, H or K, D)
        trunk = _gather(k, self.trunk_index), _gather(v, self.trunk_index)  # (U, P, K, D)
        blocks = [self._trunk(_gather(q, self.trunk_index), trunk, rule).flatten(0, 1)]
        if self.branch_size:
            own = _gather(k, self.branch_index), _gather(v, self.branch_index)  # (U, G, R, K, D)
            alike = query.shape[-1] == value.shape[-1]  # values of latent attention are shorter than its keys
            is_plain = alike and rule.window is None and rule.softcap is None
            branches = self._merged if is_plain and merged_attention.available(self.device) else self._expanded
            blocks.append(branches(_gather(q, self.branch_index), trunk, own, rule).flatten(0, 2))
        return torch.cat(blocks).index_select(0, self.cell).unsqueeze(0)

    def _trunk(self, q: Tensor, trunk: Pair, rule: AttentionRule) -> Float[Tensor, "U P H D"]:
        """Attend causally inside each trunk; right padding comes after every real token, so causality hides it."""
        mask = None
        if rule.window is not None and rule.window < self.trunk_size:
            at = torch.arange(self.trunk_size, device=self.device)
            distance = at[:, None] - at[None, :]
            mask = (distance >= 0) & (distance < rule.window)
        return _attention(q, trunk, mask, rule)

    def _merged(self, q: Tensor, trunk: Pair, own: Pair, rule: AttentionRule) -> Float[Tensor, "U G R H D"]:
        """Compute the attention of each branch to its trunk and, causally, to itself, without copies of the trunk."""
        dtype = matmul_dtype(q)  # autocast knows the operators of the parts no more than other custom functions
        q, trunk, own = q.to(dtype), _cast(trunk, dtype), _cast(own, dtype)
        return merged_attention.merged_attention(
            q, trunk, own, trunk_bias=self._trunk_bias(dtype), scaling=rule.scaling
        )

    def _expanded(self, q: Tensor, trunk: Pair, own: Pair, rule: AttentionRule) -> Float[Tensor, "U G R H D"]:
        """Compute the same for any kind of layer and device, with a copy of the trunk's keys and values per branch."""
        U, G = self.num_trees, self.group_size
        shared = (x.unsqueeze(1).expand(U, G, *x.shape[1:]) for x in trunk)
        keys, values = (torch.cat(parts, 2).flatten(0, 1) for parts in zip(shared, own, strict=True))
        out = _attention(q.flatten(0, 1), (keys, values), self._branch_mask(rule.window), rule)
        return out.reshape(U, G, *out.shape[1:])

    def _trunk_bias(self, dtype: torch.dtype) -> Float[Tensor, "U 1 1 P"] | None:
        """Return minus infinity on the padding of shorter trunks; None where all are of one length."""
        if dtype not in self._trunk_biases:
            padding = torch.arange(self.trunk_size, device=self.device) >= self.trunk_lengths[:, None]
            bias = torch.zeros(padding.shape, dtype=dtype, device=self.device).masked_fill_(padding, -torch.inf)
            self._trunk_biases[dtype] = bias[:, None, None] if padding.any() else None
        return self._trunk_biases[dtype]

    def _branch_mask(self, window: int | None) -> Tensor:
        """Return True where token r of a branch may look, over trunk keys then its own: (U*G or 1, 1, R, P+R)."""
        if window not in self._branch_masks:
            P, R = self.trunk_size, self.branch_size
            lengths = self.trunk_lengths[:, None, None]
            at_trunk, at_own = torch.arange(P, device=self.device), torch.arange(R, device=self.device)
            position = lengths + at_own[None, :, None]
            key_position = torch.cat([at_trunk.expand(self.num_trees, 1, P), lengths + at_own[None, None, :]], -1)
            real = torch.cat(
                [
                    at_trunk.expand(self.num_trees, 1, P) < lengths,
                    torch.ones_like(key_position[..., P:], dtype=torch.bool),
                ],
                -1,
            )
            mask = real & (key_position <= position)
            if window is not None:
                mask &= position - key_position < window
            if self.num_trees > 1:
                mask = mask.repeat_interleave(self.group_size, 0)
            self._branch_masks[window] = mask.unsqueeze(1)
        return self._branch_masks[window]


def matmul_dtype(x: Tensor) -> torch.dtype:
    """Return the type that products of `x` are computed in: that of autocast, or its own."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


def _cast(pair: Pair, dtype: torch.dtype) -> Pair:
    return pair[0].to(dtype), pair[1].to(dtype)


def _gather(x: Float[Tensor, "N H D"], index: Int[Tensor, ...]) -> Float[Tensor, "... H D"]:
    """Gather rows of `x` in the index's shape; unlike with indexing, the backward adds rows without sorting them."""
    return x.index_select(0, index.flatten()).view(*index.shape, *x.shape[1:])


def _attention(
    q: Float[Tensor, "B T H D"], keys_values: Pair, mask: Bool[Tensor, ...] | None, rule: AttentionRule
) -> Float[Tensor, "B T H D"]:
    """Compute the attention of each row, causal where no mask is given (then T queries meet T keys)."""
    q, k, v = (x.transpose(1, 2) for x in (q, *keys_values))
    repeats = q.shape[1] // k.shape[1]
    if repeats > 1:
        k, v = k.repeat_interleave(repeats, 1), v.repeat_interleave(repeats, 1)
    if rule.softcap is None:
        out = scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, scale=rule.scaling)
    else:  # no fused kernel caps scores
        visible = torch.ones(q.shape[2], k.shape[2], device=q.device).tril().bool() if mask is None else mask
        scores = rule.cap(rule.scaling * (q @ k.transpose(2, 3)).float())
        out = scores.masked_fill(~visible, -torch.inf).softmax(-1).to(v.dtype) @ v
    return out.transpose(1, 2)


def pack(trees: Sequence[TokenTree], device: torch.device) -> PackedTrees:
    """Lay out training trees."""
    return PackedTrees([(tree.trunk, [branch.token_ids for branch in tree.branches]) for tree in trees], device)
