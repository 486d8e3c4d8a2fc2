import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from secondthought.rl.logprobs import entropy, token_logprobs

rows = st.lists(st.lists(st.floats(-20, 20), min_size=4, max_size=4), min_size=1, max_size=5)
temperatures = st.sampled_from([0.3, 1.0, 1.7])


def plain_softmax(row, temperature):
    weights = [math.exp((value - max(row)) / temperature) for value in row]
    return [weight / math.fsum(weights) for weight in weights]


@given(rows, temperatures)
def test_they_are_the_logarithms_of_the_softmax(logits, temperature):
    for chosen in range(4):
        picked = torch.full((len(logits),), chosen)
        found = token_logprobs(torch.tensor(logits, dtype=torch.float64), picked, temperature=temperature).exp()
        wanted = [plain_softmax(row, temperature)[chosen] for row in logits]
        assert found.tolist() == pytest.approx(wanted, rel=1e-6, abs=1e-12)


@given(rows, temperatures)
def test_entropy_is_the_expected_surprise(logits, temperature):
    found = entropy(torch.tensor(logits, dtype=torch.float64), temperature=temperature)
    wanted = [-math.fsum(p * math.log(p) for p in plain_softmax(row, temperature) if p > 0) for row in logits]
    assert found.tolist() == pytest.approx(wanted, abs=1e-9)


def test_half_precision_logits_are_widened_before_the_sum():
    """A sum of 4,096 equal terms in bf16 would stop growing at 256."""
    logits = torch.zeros(1, 4096, dtype=torch.bfloat16)
    assert token_logprobs(logits, torch.tensor([0])).item() == pytest.approx(-math.log(4096), rel=1e-5)
    assert entropy(logits).item() == pytest.approx(math.log(4096), rel=1e-5)


def test_gradients():
    logits = torch.randn(3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_(True)
    picked = torch.tensor([0, 4, 2])
    assert gradcheck(lambda x: token_logprobs(x, picked, temperature=0.7), (logits,))
    assert gradcheck(lambda x: entropy(x, temperature=0.7), (logits,))
