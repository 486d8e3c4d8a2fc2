import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.config import OptimConfig, TrainConfig
from secondthought.train.schedule import rate_of_step, share_done


def curve(steps=20, **settings):
    train = TrainConfig(steps=steps)
    return [rate_of_step(OptimConfig(lr=1.0, **settings), train, step) for step in range(1, steps + 1)]


def test_the_warm_up_is_linear_and_ends_at_the_peak():
    assert curve(warmup_steps=4)[:5] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])


def test_constant_stays_at_the_peak():
    assert set(curve(warmup_steps=0)) == {1.0}


def test_cosine_falls_to_a_tenth_at_the_last_step():
    rates = curve(warmup_steps=4, schedule="cosine")
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[11] == pytest.approx(0.1 + 0.9 * 0.5)
    assert rates[-1] == pytest.approx(0.1)


def test_under_a_token_budget_the_cosine_ends_with_the_tokens():
    optim = OptimConfig(lr=1.0, warmup_steps=2, schedule="cosine")
    train = TrainConfig(steps=100_000, max_sampled_tokens=1000)
    rates = [rate_of_step(optim, train, step, tokens) for step, tokens in ((1, 900), (3, 100), (9, 500), (40, 1000))]
    assert rates == pytest.approx([0.5, 0.1 + 0.45 * (1 + math.cos(0.1 * math.pi)), 0.55, 0.1])
    assert rate_of_step(optim, train, 41, 1200) == pytest.approx(0.1)


def test_a_run_is_done_when_its_steps_or_its_tokens_are():
    train = TrainConfig(steps=10, max_sampled_tokens=100)
    assert [share_done(train, *at) for at in ((5, 20), (5, 90), (10, 0), (1, 130))] == [0.5, 0.9, 1.0, 1.0]
    assert share_done(TrainConfig(steps=10), 5, 10**9) == 0.5


@given(
    st.integers(1, 50),
    st.integers(1, 50),
    st.integers(0, 200),
    st.integers(0, 60),
    st.sampled_from(["constant", "cosine"]),
)
def test_it_is_always_positive_and_never_above_the_peak(step, steps, tokens, warmup, schedule):
    optim = OptimConfig(lr=0.5, warmup_steps=warmup, schedule=schedule)
    rate = rate_of_step(optim, TrainConfig(steps=steps, max_sampled_tokens=100), step, tokens)
    assert 0 < rate <= 0.5
