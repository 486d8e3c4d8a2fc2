"""Branches attend in two parts, trunk and own tokens, merged by log-sum-exp: no key or value is copied per branch.

Each part is a fused attention of its own and knows the logarithm of its softmax's denominator. With out_i and lse_i of
the parts, lse = logaddexp(lse_1, lse_2) and out = sum_i exp(lse_i - lse) out_i are those of attention to both together
(Milakov and Gimelshein 2018; the "ring" of Liu et al. 2023). A fused backward reads nothing of its forward but out and
lse; given the merged ones it returns each part's share of the exact gradient.

PyTorch offers the fused parts only as operators of its own, so they are looked up; where one is missing (`available`),
the caller expands the trunk instead.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

_FORWARD = "_scaled_dot_product_flash_attention_for_cpu"
_BACKWARD = f"{_FORWARD}_backward"


def available(device: torch.device) -> bool:
    """Tell whether both fused operators exist for the device."""
    return device.type == "cpu" and hasattr(torch.ops.aten, _FORWARD) and hasattr(torch.ops.aten, _BACKWARD)


def merged_attention(
    query: Float[Tensor, "U G R H D"],
    trunk: tuple[Float[Tensor, "U P K D"], Float[Tensor, "U P K D"]],
    own: tuple[Float[Tensor, "U G R K D"], Float[Tensor, "U G R K D"]],
    *,
    trunk_bias: Float[Tensor, "U 1 1 P"] | None,
    scaling: float,
) -> Float[Tensor, "U G R H D"]:
    """Compute the attention of each branch to its whole trunk and, causally, to itself.

    Args:
        query: R tokens of G branches of each of U trees, H heads.
        trunk: keys and values of the trunks; K heads, each shared by H/K query heads.
        own: keys and values of the branches.
        trunk_bias: minus infinity on the padding of shorter trunks; None if there is none.
        scaling: factor of the products.
    """
    out: Tensor = _Merged.apply(query, *trunk, *own, trunk_bias, scaling)  # type: ignore[no-untyped-call]
    return out


class _Merged(torch.autograd.Function):
    """`_Merged` runs two fused attentions and merges them, forward and backward."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        trunk_k: Tensor,
        trunk_v: Tensor,
        own_k: Tensor,
        own_v: Tensor,
        trunk_bias: Tensor | None,
        scaling: float,
    ) -> Tensor:
        layout = _Layout(query, trunk_k)
        fused = getattr(torch.ops.aten, _FORWARD)
        out_trunk, lse_trunk = fused(
            layout.by_trunk(query), _heads(trunk_k), _heads(trunk_v), attn_mask=trunk_bias, scale=scaling
        )
        out_own, lse_own = fused(
            layout.by_branch(query), layout.own(own_k), layout.own(own_v), is_causal=True, scale=scaling
        )
        lse_trunk = layout.from_trunk(lse_trunk.unsqueeze(-1))
        lse_own = layout.from_branch(lse_own.unsqueeze(-1))
        lse = torch.logaddexp(lse_trunk, lse_own)
        out = layout.from_trunk(out_trunk) * (lse_trunk - lse).exp().to(query.dtype)
        out += layout.from_branch(out_own) * (lse_own - lse).exp().to(query.dtype)
        ctx.save_for_backward(query, trunk_k, trunk_v, own_k, own_v, out, lse, trunk_bias)
        ctx.scaling = scaling
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        query, trunk_k, trunk_v, own_k, own_v, out, lse, trunk_bias = ctx.saved_tensors
        (grad,) = grads
        layout = _Layout(query, trunk_k)
        fused = getattr(torch.ops.aten, _BACKWARD)
        dq_trunk, dk_trunk, dv_trunk = fused(
            layout.by_trunk(grad),
            layout.by_trunk(query),
            _heads(trunk_k),
            _heads(trunk_v),
            layout.by_trunk(out),
            layout.by_trunk(lse).squeeze(-1),
            0.0,
            False,
            attn_mask=trunk_bias,
            scale=ctx.scaling,
        )
        dq_own, dk_own, dv_own = fused(
            layout.by_branch(grad),
            layout.by_branch(query),
            layout.own(own_k),
            layout.own(own_v),
            layout.by_branch(out),
            layout.by_branch(lse).squeeze(-1),
            0.0,
            True,
            scale=ctx.scaling,
        )
        dq = layout.from_trunk(dq_trunk) + layout.from_branch(dq_own)
        return (
            dq,
            _heads(dk_trunk),
            _heads(dv_trunk),
            layout.own_gradient(dk_own),
            layout.own_gradient(dv_own),
            None,
            None,
        )


class _Layout:
    """A `_Layout` lays queries out: all of a trunk's side by side for its keys, branch by branch for their own."""

    def __init__(self, query: Float[Tensor, "U G R H D"], trunk_k: Float[Tensor, "U P K D"]) -> None:
        self.trees, self.group, self.length, self.heads, _ = query.shape
        self.kv_heads = trunk_k.shape[2]
        self.repeats = self.heads // self.kv_heads

    def by_trunk(self, x: Float[Tensor, "U G R H X"]) -> Float[Tensor, "U K Q X"]:
        """Lay out Q = H/K * G * R queries per key head: heads that share a key head stand side by side as well."""
        split = x.reshape(self.trees, self.group * self.length, self.kv_heads, self.repeats, -1)
        return split.permute(0, 2, 3, 1, 4).reshape(self.trees, self.kv_heads, -1, x.shape[-1])

    def from_trunk(self, x: Float[Tensor, "U K Q X"]) -> Float[Tensor, "U G R H X"]:
        """Undo `by_trunk`."""
        split = x.reshape(self.trees, self.kv_heads, self.repeats, self.group * self.length, -1)
        return split.permute(0, 3, 1, 2, 4).reshape(self.trees, self.group, self.length, self.heads, -1)

    def by_branch(self, x: Float[Tensor, "U G R H X"]) -> Float[Tensor, "UG H R X"]:
        """Lay out every branch as a row of its own."""
        return x.flatten(0, 1).transpose(1, 2)

    def from_branch(self, x: Float[Tensor, "UG H R X"]) -> Float[Tensor, "U G R H X"]:
        """Undo `by_branch`."""
        return x.transpose(1, 2).reshape(self.trees, self.group, self.length, self.heads, -1)

    def own(self, x: Float[Tensor, "U G R K D"]) -> Float[Tensor, "UG H R D"]:
        """Repeat a branch's own keys or values for each query head (they are short)."""
        return self.by_branch(x if self.repeats == 1 else x.repeat_interleave(self.repeats, 3))

    def own_gradient(self, x: Float[Tensor, "UG H R D"]) -> Float[Tensor, "U G R K D"]:
        """Sum the gradient of own keys or values over the heads that read them."""
        back = self.from_branch(x)
        return back if self.repeats == 1 else back.reshape(*back.shape[:3], self.kv_heads, self.repeats, -1).sum(4)


def _heads(x: Tensor) -> Tensor:
    """Swap tokens and heads: (U, P, K, D) to (U, K, P, D) and back."""
    return x.transpose(1, 2)
