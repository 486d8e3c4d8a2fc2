import pytest
import reference
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from secondthought.rl.kl import MAX_LOG_RATIO, kl_exact, kl_k1, kl_k3

logits = st.lists(st.floats(-4, 4), min_size=5, max_size=5)
logprobs = st.lists(st.floats(-15, 0), min_size=1, max_size=8)


def wide(values):
    return torch.tensor(values, dtype=torch.float64)


@given(logprobs, st.data())
def test_k3_equals_the_oracle_and_is_never_negative(ours, data):
    theirs = data.draw(st.lists(st.floats(-15, 0), min_size=len(ours), max_size=len(ours)))
    found = kl_k3(wide(ours), wide(theirs))
    assert found.tolist() == pytest.approx([reference.k3(p, q) for p, q in zip(ours, theirs, strict=True)], abs=1e-9)
    assert bool((found >= 0).all())


@given(logits, logits)
def test_their_expectations_over_the_vocabulary_are_the_exact_divergence(ours, theirs):
    log_p, log_q = wide(ours).log_softmax(-1), wide(theirs).log_softmax(-1)
    exact = kl_exact(wide(ours), wide(theirs)).item()
    for estimator in (kl_k1, kl_k3):
        expected = (log_p.exp() * estimator(log_p, log_q)).sum().item()
        assert expected == pytest.approx(exact, abs=1e-9)


@given(logits, logits)
def test_the_exact_divergence_is_that_of_torch(ours, theirs):
    log_p, log_q = wide(ours).log_softmax(-1), wide(theirs).log_softmax(-1)
    wanted = torch.nn.functional.kl_div(log_q, log_p, log_target=True, reduction="sum").item()
    assert kl_exact(wide(ours), wide(theirs)).item() == pytest.approx(wanted, abs=1e-9)


def test_k3_pulls_the_policy_towards_the_reference():
    ours = wide([-1.0, -3.0]).requires_grad_(True)
    kl_k3(ours, wide([-2.0, -2.0])).sum().backward()
    assert ours.grad[0] > 0 > ours.grad[1]


def test_an_impossible_token_gives_a_finite_penalty():
    found = kl_k3(torch.tensor([-1000.0, 0.0]), torch.tensor([0.0, -1000.0]))
    assert bool(found.isfinite().all())
    assert found[0] > torch.tensor(MAX_LOG_RATIO).exp() / 2


@pytest.mark.parametrize("estimator", [kl_k1, kl_k3])
def test_gradients_of_the_estimators(estimator):
    ours = wide([-0.5, -1.5, -3.0]).requires_grad_(True)
    theirs = wide([-1.0, -1.0, -2.0]).requires_grad_(True)
    assert gradcheck(estimator, (ours, theirs))


def test_gradient_of_the_exact_divergence():
    generator = torch.Generator().manual_seed(0)
    ours, theirs = (torch.randn(2, 4, generator=generator, dtype=torch.float64).requires_grad_(True) for _ in range(2))
    assert gradcheck(kl_exact, (ours, theirs))
