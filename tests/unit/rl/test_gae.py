"""Advantages and returns against the double sum of the paper, on ragged batches."""

import pytest
import reference
import torch
from hypothesis import given
from hypothesis import strategies as st

from secondthought.rl.gae import gae

rows = st.lists(st.tuples(st.floats(-2, 2), st.floats(-2, 2)), min_size=1, max_size=7)
batches = st.lists(rows, min_size=1, max_size=4)
discounts = st.sampled_from([0.0, 0.5, 0.9, 1.0])


def padded(batch, width=0, filler=0.0):
    """Rewards, values and mask of ragged rows; padding holds `filler`."""
    size = max(map(len, batch)) + width
    columns = []
    for place in (0, 1):
        table = [[pair[place] for pair in row] + [filler] * (size - len(row)) for row in batch]
        columns.append(torch.tensor(table, dtype=torch.float64))
    return *columns, torch.tensor([[at < len(row) for at in range(size)] for row in batch])


@given(batches, discounts, discounts)
def test_it_equals_the_double_sum(batch, gamma, gae_lambda):
    found = gae(*padded(batch), gamma=gamma, gae_lambda=gae_lambda)
    for number, row in enumerate(batch):
        rewards, values = zip(*row, strict=True)
        wanted = reference.gae(rewards, values, gamma=gamma, gae_lambda=gae_lambda)
        returns = [a + v for a, v in zip(wanted, values, strict=True)]
        assert found.advantages[number, : len(row)].tolist() == pytest.approx(wanted, abs=1e-9)
        assert found.returns[number, : len(row)].tolist() == pytest.approx(returns, abs=1e-9)


@given(batches, st.integers(0, 4), st.floats(-9, 9), discounts, discounts)
def test_padding_is_never_read(batch, width, filler, gamma, gae_lambda):
    plain = gae(*padded(batch), gamma=gamma, gae_lambda=gae_lambda)
    wide = gae(*padded(batch, width, filler), gamma=gamma, gae_lambda=gae_lambda)
    size = plain.advantages.shape[1]
    for ours, other in zip(wide, plain, strict=True):
        assert torch.equal(ours[:, :size], other)
        assert not ours[:, size:].any()


@given(batches)
def test_without_discount_it_is_what_is_still_to_come_minus_the_value(batch):
    rewards, values, mask = padded(batch)
    found = gae(rewards, values, mask, gamma=1.0, gae_lambda=1.0)
    to_come = rewards.flip(1).cumsum(1).flip(1)
    assert torch.allclose(found.returns, to_come.masked_fill(~mask, 0.0))
    assert torch.allclose(found.advantages, (to_come - values).masked_fill(~mask, 0.0))


@given(batches, discounts)
def test_with_lambda_zero_it_is_the_error_of_one_step(batch, gamma):
    rewards, values, mask = padded(batch)
    ahead = torch.cat([values[:, 1:] * mask[:, 1:], torch.zeros(len(batch), 1)], dim=1)
    found = gae(rewards, values, mask, gamma=gamma, gae_lambda=0.0)
    assert torch.allclose(found.advantages, (rewards + gamma * ahead - values).masked_fill(~mask, 0.0))
