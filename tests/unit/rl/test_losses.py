import pytest
import reference
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from secondthought.rl.losses import clipped_surrogate, clipped_value_loss, reinforce

CLIP = {"clip_low": 0.2, "clip_high": 0.3}
token = st.tuples(st.floats(-6, 0), st.floats(-6, 0), st.floats(-3, 3))


def columns(rows):
    return tuple(torch.tensor(column, dtype=torch.float64) for column in zip(*rows, strict=True))


@given(st.lists(token, min_size=1, max_size=8), st.sampled_from([0.1, 0.2, 0.9]), st.sampled_from([0.1, 0.28, 3.0]))
def test_it_equals_the_oracle(rows, clip_low, clip_high):
    found = clipped_surrogate(*columns(rows), clip_low=clip_low, clip_high=clip_high).loss.tolist()
    wanted = [reference.surrogate(*row, clip_low=clip_low, clip_high=clip_high) for row in rows]
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@given(st.lists(token, min_size=1, max_size=8))
def test_on_policy_its_gradient_is_that_of_reinforce(rows):
    logprobs, _, advantages = columns(rows)
    logprobs.requires_grad_(True)
    clipped_surrogate(logprobs, logprobs.detach(), advantages, **CLIP).loss.sum().backward()
    assert logprobs.grad.tolist() == pytest.approx((-advantages).tolist(), abs=1e-12)


@pytest.mark.parametrize(
    ("log_ratio", "advantage", "moves"),
    [
        (0.5, 1.0, False),
        (0.5, -1.0, True),
        (-0.5, 1.0, True),
        (-0.5, -1.0, False),
        (0.1, 1.0, True),
        (-0.1, -1.0, True),
    ],
)
def test_only_a_ratio_that_has_gone_too_far_the_way_it_is_pushed_stops_learning(log_ratio, advantage, moves):
    logprobs = torch.tensor([-2.0 + log_ratio], requires_grad=True)
    found = clipped_surrogate(logprobs, torch.tensor([-2.0]), torch.tensor([advantage]), **CLIP)
    found.loss.sum().backward()
    assert bool(logprobs.grad != 0) is moves
    assert bool(found.clipped_low | found.clipped_high) is not moves


def test_bounds_are_not_symmetric():
    high = clipped_surrogate(*columns([(0.0, -3.0, 1.0)]), **CLIP)
    low = clipped_surrogate(*columns([(-3.0, 0.0, -1.0)]), **CLIP)
    assert (high.loss.item(), low.loss.item()) == pytest.approx((-1.3, 0.8))


def test_an_absurd_ratio_stays_finite():
    found = clipped_surrogate(torch.tensor([0.0]), torch.tensor([-500.0]), torch.tensor([-1.0]), **CLIP)
    assert bool(found.loss.isfinite().all())


def test_gradient():
    logprobs = torch.tensor([-1.0, -1.1, -0.2, -3.0], dtype=torch.float64, requires_grad=True)
    old = torch.tensor([-1.05, -1.0, -2.0, -1.0], dtype=torch.float64)
    advantages = torch.tensor([1.0, -2.0, -1.0, 0.5], dtype=torch.float64)
    assert gradcheck(lambda x: clipped_surrogate(x, old, advantages, **CLIP).loss, (logprobs,))


values = st.tuples(st.floats(-2, 2), st.floats(-2, 2), st.floats(-2, 2))


@given(st.lists(values, min_size=1, max_size=8), st.sampled_from([0.1, 0.5, 3.0]))
def test_the_value_loss_equals_the_oracle(rows, clip):
    found = clipped_value_loss(*columns(rows), clip=clip)
    wanted = [reference.value_loss(*row, clip=clip) for row in rows]
    assert found.loss.tolist() == pytest.approx([loss for loss, _ in wanted], rel=1e-9, abs=1e-12)
    assert found.clipped.tolist() == [clipped for _, clipped in wanted]


@pytest.mark.parametrize(
    ("value", "old", "target", "moves"),
    [
        (0.9, 0.0, 1.0, False),
        (0.4, 0.0, 1.0, True),
        (-0.9, 0.0, 1.0, True),
        (-0.9, 0.0, -2.0, False),
        (1.9, 0.0, 0.2, True),
    ],
)
def test_only_a_value_that_has_gone_too_far_towards_its_return_stops_learning(value, old, target, moves):
    moving = torch.tensor([value], requires_grad=True)
    found = clipped_value_loss(moving, torch.tensor([old]), torch.tensor([target]), clip=0.5)
    found.loss.sum().backward()
    assert bool(moving.grad != 0) is moves
    assert bool(found.clipped) is not moves


def test_gradient_of_the_value_loss():
    moving = torch.tensor([0.9, -0.3, 0.2, -1.4], dtype=torch.float64, requires_grad=True)
    old = torch.tensor([0.0, -0.1, 1.0, -1.0], dtype=torch.float64)
    returns = torch.tensor([1.0, 1.0, 0.3, -3.0], dtype=torch.float64)
    assert gradcheck(lambda x: clipped_value_loss(x, old, returns, clip=0.5).loss, (moving,))


@given(st.lists(token, min_size=1, max_size=8))
def test_reinforce_has_the_gradient_of_the_surrogate_where_nothing_has_moved(rows):
    logprobs, _, advantages = columns(rows)
    logprobs.requires_grad_(True)
    reinforce(logprobs, advantages).sum().backward()
    assert logprobs.grad.tolist() == (-advantages).tolist()
