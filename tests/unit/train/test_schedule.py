import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.config import OptimConfig
from secondthought.train.schedule import learning_rate


def curve(steps=20, **settings):
    return [learning_rate(OptimConfig(lr=1.0, **settings), step, steps) for step in range(1, steps + 1)]


def test_the_warm_up_is_linear_and_ends_at_the_peak():
    assert curve(warmup_steps=4)[:5] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])


def test_constant_stays_at_the_peak():
    assert set(curve(warmup_steps=0)) == {1.0}


def test_cosine_falls_to_a_tenth_at_the_last_step():
    rates = curve(warmup_steps=4, schedule="cosine")
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[11] == pytest.approx(0.1 + 0.9 * 0.5)
    assert rates[-1] == pytest.approx(0.1)


@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 60), st.sampled_from(["constant", "cosine"]))
def test_it_is_always_positive_and_never_above_the_peak(step, steps, warmup, schedule):
    rate = learning_rate(OptimConfig(lr=0.5, warmup_steps=warmup, schedule=schedule), step, steps)
    assert 0 < rate <= 0.5
