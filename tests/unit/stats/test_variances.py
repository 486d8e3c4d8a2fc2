"""The share of variance between members: known values, a simulation, and what is undefined."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.stats import variance_between


def clusters(*rows):
    return [np.array(row, dtype=np.float64) for row in rows]


def test_members_that_agree_with_themselves_alone_hold_all_of_it():
    found = variance_between(clusters([[1, 1], [0, 0]], [[0, 0], [1, 1], [1, 1]]))
    assert (found.estimate, found.low, found.high, found.n) == (1.0, 1.0, 1.0, 2)


def test_members_that_are_alike_hold_less_than_none():
    assert variance_between(clusters([[1, 0], [0, 1]], [[0, 1], [1, 0]])).estimate == -1.0


def test_a_known_analysis_of_variance():
    """By hand: means 0.5, 1 and 0; between 1 over 2 degrees of freedom, within 0.5 over 3."""
    found = variance_between(clusters([[1, 0], [1, 1], [0, 0]]))
    between, within = 1 / 2, 0.5 / 3
    assert found.estimate == pytest.approx((between - within) / (between + within))
    assert math.isnan(found.low)


def test_what_never_varies_is_undefined():
    assert math.isnan(variance_between(clusters([[1, 1], [1, 1]], [[0, 0], [0, 0]])).estimate)
    assert math.isnan(variance_between([]).estimate)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4])
def test_a_simulation_is_met_within_its_interval(share):
    """Members' chances are Beta(a, a); their correlation is 1 / (2 a + 1)."""
    rng = np.random.default_rng(0)
    a = (1 / share - 1) / 2 if share else 1e9
    drawn = [(rng.random((4, 4)) < rng.beta(a, a, size=(4, 1))).astype(np.float64) for _ in range(400)]
    found = variance_between(drawn)
    assert found.low <= share <= found.high
    assert found.high - found.low < 0.15


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(200):
        drawn = [(rng.random((4, 4)) < rng.beta(2, 2, size=(4, 1))).astype(np.float64) for _ in range(40)]
        found = variance_between(drawn)
        inside += found.low <= 0.2 <= found.high
    assert 175 <= inside <= 200


@given(st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=1, max_size=5), st.randoms())
def test_order_changes_nothing(rows, random):
    first = [np.array(row, dtype=np.float64).reshape(2, 3) for row in rows]
    second = [cluster[::-1, ::-1] for cluster in first]
    random.shuffle(second)
    one, other = variance_between(first).estimate, variance_between(second).estimate
    assert one == pytest.approx(other, nan_ok=True)
