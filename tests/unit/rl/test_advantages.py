import pytest
import reference
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import real_rewards, rewards

from secondthought.rl.advantages import group_relative, positive_part


def relative(values, *, scale=False):
    return group_relative(torch.tensor(values, dtype=torch.float64), scale=scale)


@given(real_rewards, st.booleans())
def test_they_equal_the_oracle(values, scale):
    spread = max(values) - min(values)
    if 0 < spread < 1e-6:
        values = [values[0]] * len(values)
    wanted = reference.advantages(values, scale=scale)
    assert relative(values, scale=scale).tolist() == pytest.approx(wanted, abs=1e-9)


@given(real_rewards)
def test_they_sum_to_zero(values):
    assert relative(values).sum().item() == pytest.approx(0.0, abs=1e-9)


@given(rewards, st.booleans(), st.floats(-100, 100))
def test_a_constant_added_to_all_rewards_changes_nothing(values, scale, shift):
    shifted = relative([value + shift for value in values], scale=scale)
    assert shifted.tolist() == pytest.approx(relative(values, scale=scale).tolist(), abs=1e-9)


@given(rewards, st.booleans(), st.randoms(use_true_random=False))
def test_they_follow_a_permutation_of_the_rewards(values, scale, random):
    order = random.sample(range(len(values)), len(values))
    permuted = relative([values[index] for index in order], scale=scale)
    assert permuted.tolist() == pytest.approx([relative(values, scale=scale)[i].item() for i in order], abs=1e-12)


@given(st.floats(-10, 10), st.integers(2, 16), st.booleans())
def test_a_constant_group_gets_exactly_zero(value, size, scale):
    assert relative([value] * size, scale=scale).tolist() == [0.0] * size


@pytest.mark.parametrize("scale", [False, True])
def test_rounding_noise_is_not_a_signal(scale):
    """0.1 + 0.2 and 0.3 differ by 4e-17; divided by their own deviation they would become +1 and -1."""
    assert relative([0.1 + 0.2, 0.3, 0.3], scale=scale).tolist() == [0.0, 0.0, 0.0]


@given(rewards)
def test_scaled_ones_have_deviation_one_or_zero(values):
    deviation = relative(values, scale=True).pow(2).mean().sqrt().item()
    assert deviation == pytest.approx(1.0 if len(set(values)) > 1 else 0.0)


def test_groups_of_a_stack_do_not_mix():
    stack = group_relative(torch.tensor([[0.0, 1.0], [5.0, 5.0], [2.0, -2.0]]))
    assert stack.tolist() == [[-0.5, 0.5], [0.0, 0.0], [2.0, -2.0]]


@given(real_rewards)
def test_the_positive_part_keeps_successes_and_drops_failures(values):
    found = positive_part(relative(values)).tolist()
    assert found == [max(value, 0.0) for value in relative(values).tolist()]
