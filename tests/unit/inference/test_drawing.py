"""Drawn tokens are those of the slow definition: one cumulative sum over the whole row, searched at one number."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from secondthought import rng
from secondthought.inference import drawing
from secondthought.inference.drawing import BLOCK, NotFinite, draw, inverted
from secondthought.inference.uniforms import uniforms

SIZES = st.one_of(st.integers(1, 40), st.integers(BLOCK - 2, 2 * BLOCK + 2), st.just(5 * BLOCK))


def slowly(logits, keys, positions, temperature):
    """Draw row by row, from a cumulative sum over all tokens in order."""
    tokens = []
    for row, key, position in zip(logits, keys, positions, strict=True):
        p = (row.float() / temperature).log_softmax(-1).double().exp().numpy()
        edges = np.cumsum(p)
        goal = uniforms(np.array([key], dtype=np.uint64), position)[0] * edges[-1]
        tokens.append(int(np.searchsorted(edges, goal, side="right")))
    return tokens


@given(SIZES, st.integers(1, 20), st.sampled_from([0.3, 1.0, 1.7]), st.floats(0.0, 30.0), st.integers(0, 2**32))
def test_tokens_are_those_of_one_sum_over_the_whole_row(size, rows, temperature, spread, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = spread * torch.randn(rows, size, generator=generator)
    forbidden = torch.rand(rows, size, generator=generator) < 0.3
    forbidden[:, torch.randint(size, (1,), generator=generator)] = False
    logits = logits.masked_fill(forbidden, -torch.inf)
    keys, positions = [rng.key(seed, row) for row in range(rows)], list(range(rows))
    tokens, logprobs = draw(logits, keys, positions, temperature)
    assert tokens == slowly(logits, keys, positions, temperature)
    wanted = (logits / temperature).log_softmax(-1)
    assert logprobs == [float(wanted[row, token]) for row, token in enumerate(tokens)]


@given(SIZES, st.integers(0, 2**32))
def test_a_point_beside_an_edge_takes_the_token_of_its_side(size, seed):
    """Rounding moves edges by parts in 10^15; ten times as far away nothing may change."""
    p = torch.rand(1, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 1e-3
    edges = p.cumsum(-1) / p.sum()
    for at in {0, size // 2, min(BLOCK - 1, size - 1), min(BLOCK, size - 1)} - {size - 1}:
        for side in (-1, 1):
            point = edges[:, at : at + 1] + side * 1e-13
            assert int(inverted(p, point)) == at + (side > 0)


@pytest.mark.parametrize("u", [2.0**-54, 0.5, 1 - 2.0**-53])
def test_no_point_takes_a_token_without_probability(u):
    p = torch.zeros(3, 3 * BLOCK + 7, dtype=torch.float64)
    p[0, 5] = p[1, BLOCK] = p[2, -1] = 1.0
    p[0, BLOCK + 1] = 1e-320  # gone in the sum
    points = torch.full((3, 1), u, dtype=torch.float64)
    assert inverted(p, points).tolist() == [5, BLOCK, p.shape[1] - 1]


def test_the_last_token_of_a_block_takes_what_rounding_leaves(monkeypatch):
    """The block's sum is more than what going through it reaches."""
    p = torch.full((1, 2 * BLOCK), 0.1, dtype=torch.float64)
    p[0, BLOCK - 1] = 0.0
    sums = torch.cat([p[:, :BLOCK].sum(-1, keepdim=True), p[:, BLOCK:].sum(-1, keepdim=True)], -1).cumsum(-1)
    inside = p[:, :BLOCK].cumsum(-1)[:, -1:]
    goal = torch.maximum(torch.nextafter(sums[:, :1], torch.zeros(1, 1, dtype=torch.float64)), inside)
    assert int(inverted(p, goal / sums[:, -1:])) in {BLOCK - 2, BLOCK}


def test_rows_beyond_those_at_once_are_drawn_alike(monkeypatch):
    logits = torch.randn(2 * drawing.VOCABULARY_ROWS + 3, 50, generator=torch.Generator().manual_seed(0))
    keys, positions = list(range(len(logits))), [0] * len(logits)
    found = draw(logits, keys, positions, 1.0)
    monkeypatch.setattr(drawing, "VOCABULARY_ROWS", 1)
    assert draw(logits, keys, positions, 1.0) == found


def test_half_precision_is_widened_first():
    logits = torch.randn(4, 3 * BLOCK, generator=torch.Generator().manual_seed(0)).bfloat16()
    keys, positions = [1, 2, 3, 4], [0] * 4
    assert draw(logits, keys, positions, 1.0) == draw(logits.float(), keys, positions, 1.0)


def test_what_is_no_number_is_said():
    logits = torch.full((1, 2 * BLOCK), math.nan)
    with pytest.raises(NotFinite, match="token 4 of a completion"):
        draw(logits, [1], [3], 1.0)
