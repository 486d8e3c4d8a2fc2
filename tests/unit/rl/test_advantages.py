import pytest
import reference
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import real_rewards, rewards

from secondthought.rl.advantages import group_relative, leave_one_out, positive_part, whiten


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


@pytest.mark.parametrize("size", [1e-9, 1.0, 2e4, 1e9])
@pytest.mark.parametrize("scale", [False, True])
def test_flat_goes_by_the_size_of_the_rewards(size, scale):
    """The mean of k rewards of 20,000.1 is rounded at 4e-12: an absolute tolerance made that a group of +1 and -1."""
    noisy = [size * (1 + step * 2e-16) for step in (0, 1, 2)]
    assert relative(noisy, scale=scale).tolist() == [0.0, 0.0, 0.0]
    apart = relative([size, size * (1 + 1e-9)], scale=scale).tolist()
    assert apart[0] < 0 < apart[1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_entries_whiten_to_exactly_zero_at_any_size(dtype):
    values = torch.tensor([1e9, 1e9, 1e9], dtype=dtype) * (1 + torch.finfo(dtype).eps * torch.tensor([0, 1, 0]))
    assert whiten(values, torch.ones(3, dtype=torch.bool)).tolist() == [0.0, 0.0, 0.0]


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


@given(real_rewards)
def test_leaving_one_out_equals_the_oracle(values):
    found = leave_one_out(torch.tensor(values, dtype=torch.float64)).tolist()
    assert found == pytest.approx(reference.leave_one_out(values), abs=1e-9)


def test_leaving_one_out_of_one_leaves_nothing():
    assert leave_one_out(torch.tensor([[1.0]])).isnan().all()


@given(st.floats(-10, 10), st.integers(2, 16))
def test_leaving_one_out_of_equal_rewards_gives_exactly_zero(value, size):
    assert leave_one_out(torch.tensor([value] * size, dtype=torch.float64)).tolist() == [0.0] * size


entries = st.lists(st.tuples(st.floats(-10, 10), st.booleans()), min_size=1, max_size=12)


@given(entries)
def test_whitening_equals_the_oracle(rows):
    values, mask = (list(column) for column in zip(*rows, strict=True))
    found = whiten(torch.tensor(values, dtype=torch.float64), torch.tensor(mask)).tolist()
    assert found == pytest.approx(reference.whiten(values, mask), rel=1e-6, abs=1e-6)


@given(entries, st.floats(-5, 5), st.floats(0.5, 20))
def test_what_is_under_no_mask_does_not_matter_to_whitening(rows, other, scale):
    values, mask = (list(column) for column in zip(*rows, strict=True))
    noise = [value if seen else other * scale for value, seen in rows]
    first, second = (whiten(torch.tensor(x, dtype=torch.float64), torch.tensor(mask)) for x in (values, noise))
    assert torch.equal(first, second)


def test_whitened_ones_have_mean_zero_and_deviation_one():
    values = torch.tensor([[1.0, 5.0, 7.0], [2.0, -3.0, 100.0]], dtype=torch.float64)
    mask = torch.tensor([[True, True, True], [True, True, False]])
    found = whiten(values, mask)
    assert found[mask].mean().item() == pytest.approx(0.0, abs=1e-12)
    assert found[mask].std().item() == pytest.approx(1.0)
    assert found[1, 2] == 0.0


@pytest.mark.parametrize("value", [0.0, 0.3, -2.0])
def test_equal_entries_are_whitened_to_about_zero(value):
    found = whiten(torch.full((5,), value, dtype=torch.float64), torch.ones(5, dtype=torch.bool))
    assert found.abs().max().item() < 1e-9
