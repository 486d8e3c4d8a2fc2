"""The interval of one arm minus another: seeds of their own, problems in common."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from secondthought.report.numbers.pooled import between_arms, minus, over_seeds_and_problems
from secondthought.stats import mean_difference, mean_share, t_quantile


def slowly(first, second):
    """The same by loops, from the formula alone."""
    problems = len(first[0])

    def mean(values):
        return sum(values) / len(values)

    def spread(values):
        return sum((value - mean(values)) ** 2 for value in values) / (len(values) - 1)

    means = [[mean([row[p] for row in arm]) for p in range(problems)] for arm in (first, second)]
    gaps = [one - other for one, other in zip(*means, strict=True)]
    shared = spread(gaps) / problems
    seeds, rests = 0.0, 0.0
    for arm, of_problems in zip((first, second), means, strict=True):
        size, total = len(arm), mean(of_problems)
        own = spread([mean(row) for row in arm]) / size
        free = (size - 1) * (problems - 1)
        left = sum((row[p] - mean(row) - of_problems[p] + total) ** 2 for row in arm for p in range(problems))
        rest = left / free / (size * problems)
        seeds, rests = seeds + own, rests + rest
    variance = max(seeds + shared - rests, seeds, shared)
    t = t_quantile(0.975, min(len(first), len(second)) - 1)
    half, least = t * math.sqrt(variance), mean_difference(gaps, point=t)
    return max(-1, min(mean(gaps) - half, least.low)), min(1, max(mean(gaps) + half, least.high))


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_tries_that_all_came_out_alike_are_not_certain(level):
    """Of 60 problems none differed: with one seed z^2 / (60 + z^2) of them may, with few seeds t in place of z."""
    table = np.full((3, 60), level)
    t = t_quantile(0.975, 2)
    for found in (between_arms(table, table), over_seeds_and_problems(table - table)):
        assert found.estimate == 0
        assert found.high == -found.low == pytest.approx(t * t / (60 + t * t))
    one = over_seeds_and_problems((table - table)[:1])
    assert one.high == -one.low == pytest.approx(0.0602, abs=1e-4)
    of_level = over_seeds_and_problems(table, mean_share)
    assert 0 <= of_level.low < of_level.high <= 1


@given(
    st.integers(1, 4).flatmap(
        lambda seeds: st.lists(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=seeds, max_size=seeds), min_size=2)
    )
)
def test_no_interval_is_narrower_than_that_of_the_problems(columns):
    table = np.array(columns).T
    found, least = over_seeds_and_problems(table), mean_difference(table.mean(axis=0))
    assert found.low <= least.low + 1e-9
    assert found.high >= least.high - 1e-9
    assert found.high - found.low > 0.01


def outcomes(draw, seeds, problems, level, apart, skill):
    """Right and wrong of one arm: problems differ by `skill`, seeds by `apart`."""
    chance = np.clip(level + skill[None, :] + draw.normal(0, apart, seeds)[:, None], 0, 1)
    return (draw.random((seeds, problems)) < chance).astype(float)


@given(st.integers(2, 4), st.integers(2, 4), st.integers(2, 12), st.integers(0, 10_000))
def test_it_is_the_formula(seeds, others, problems, number):
    draw = np.random.default_rng(number)
    first, second = draw.random((seeds, problems)), draw.random((others, problems))
    found = between_arms(first, second)
    assert (found.low, found.high) == pytest.approx(slowly(first.tolist(), second.tolist()))
    back = between_arms(second, first)
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low))


@pytest.mark.parametrize("apart", [0.0, 0.01, 0.05])
@pytest.mark.parametrize("seeds", [3, 5])
def test_it_covers_at_its_rate_and_is_narrower_than_two_intervals(seeds, apart):
    draw, held, narrower = np.random.default_rng(seeds), 0, 0
    for _ in range(300):
        skill = draw.normal(0, 0.1, 400)
        first, second = (outcomes(draw, seeds, 400, level, apart, skill) for level in (0.4, 0.3))
        found = between_arms(first, second)
        held += found.low < 0.1 < found.high
        apiece = minus(over_seeds_and_problems(first), over_seeds_and_problems(second))
        narrower += found.high - found.low < apiece.high - apiece.low
    assert held / 300 > 0.92
    assert narrower > 290


def test_seeds_that_take_off_now_and_then_seldom_make_it_too_sure():
    """Both arms are equal in truth: each seed takes off with a chance of a third. Three may agree by luck."""
    draw, held = np.random.default_rng(0), 0
    for _ in range(300):
        skill = draw.normal(0, 0.1, 400)
        arms = [
            np.concatenate([outcomes(draw, 1, 400, level, 0, skill) for level in draw.choice([0.1, 0.1, 0.2], 3)])
            for _ in range(2)
        ]
        found = between_arms(*arms)
        held += found.low < 0 < found.high
    assert held / 300 > 0.93


def test_one_seed_tells_nothing():
    assert math.isnan(between_arms(np.zeros((1, 5)), np.zeros((3, 5))).estimate)
