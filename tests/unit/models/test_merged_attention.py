"""Merged attention against a plain softmax over trunk and own tokens in float64: values and every gradient."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from secondthought.models import merged_attention

CPU = torch.device("cpu")

pytestmark = pytest.mark.skipif(
    not merged_attention.available(CPU), reason="this torch has no fused attention whose parts can be merged"
)


def plain(query, trunk, own, lengths, scaling):
    """Every branch's keys spelled out: its trunk's real tokens, then its own up to the query."""
    trees, group, size, heads, _ = query.shape
    repeats = heads // trunk[0].shape[2]
    out = torch.empty_like(query)
    for u in range(trees):
        for g in range(group):
            for r in range(size):
                for h in range(heads):
                    k, v = (
                        torch.cat([t[u, : lengths[u], h // repeats], o[u, g, : r + 1, h // repeats]])
                        for t, o in zip(trunk, own, strict=True)
                    )
                    out[u, g, r, h] = (scaling * (k @ query[u, g, r, h])).softmax(0) @ v
    return out


@st.composite
def shapes(draw):
    kv_heads = draw(st.integers(1, 2))
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=3))
    return lengths, draw(st.integers(1, 3)), draw(st.integers(1, 4)), kv_heads, kv_heads * draw(st.integers(1, 3))


@settings(max_examples=25)
@given(shapes(), st.integers(0, 1000))
def test_values_and_gradients_are_those_of_one_softmax(shape, seed):
    lengths, group, size, kv_heads, heads = shape
    trees, longest, scaling = len(lengths), max(lengths), 0.4
    generator = torch.Generator().manual_seed(seed)

    def block(*sizes: int) -> Tensor:
        return torch.randn(*sizes, 8, generator=generator, dtype=torch.float64, requires_grad=True)

    query = block(trees, group, size, heads)
    trunk = block(trees, longest, kv_heads), block(trees, longest, kv_heads)
    own = block(trees, group, size, kv_heads), block(trees, group, size, kv_heads)
    inputs = (query, *trunk, *own)
    grad = torch.randn(query.shape, generator=generator, dtype=torch.float64)

    padding = torch.arange(longest) >= torch.tensor(lengths)[:, None]
    bias = torch.zeros(padding.shape, dtype=torch.float64).masked_fill(padding, -math.inf)[:, None, None]
    found = merged_attention.merged_attention(
        query, trunk, own, trunk_bias=bias if padding.any() else None, scaling=scaling
    )
    wanted = plain(query, trunk, own, lengths, scaling)
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)
    for ours, theirs in zip(
        torch.autograd.grad(found, inputs, grad), torch.autograd.grad(wanted, inputs, grad), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-8)


def test_no_copy_of_the_trunk_is_kept_per_branch():
    """What autograd keeps grows by the branches' own tokens alone when branches are added."""

    def kept_bytes(group):
        query = torch.randn(1, group, 4, 2, 8, requires_grad=True)
        trunk = tuple(torch.randn(1, 500, 2, 8, requires_grad=True) for _ in range(2))
        own = tuple(torch.randn(1, group, 4, 2, 8, requires_grad=True) for _ in range(2))
        seen = {}
        with torch.autograd.graph.saved_tensors_hooks(
            lambda x: seen.setdefault(x.untyped_storage().data_ptr(), x) is None or x, lambda x: x
        ):
            merged_attention.merged_attention(query, trunk, own, trunk_bias=None, scaling=1.0)
        return sum(x.untyped_storage().nbytes() for x in seen.values())

    one_more_branch = kept_bytes(3) - kept_bytes(2)
    assert 0 < one_more_branch < 500 * 2 * 8 * 4 / 4
