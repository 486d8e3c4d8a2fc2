"""Statistics against brute force, printed tables and their own definitions."""

from __future__ import annotations

import itertools
import math
from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secondthought.stats import (
    UNDEFINED,
    Interval,
    mcnemar,
    mean_interval,
    paired_difference,
    pass_at_k,
    seeds_and_problems,
    t_quantile,
    to_json,
    wilson,
)

COUNTS = st.integers(0, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
BITS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=30)


def bounds(found: Interval) -> tuple[float, float]:
    return found.low, found.high


class TestInterval:
    def test_the_record_is_plain_json_without_nan(self):
        assert to_json({"a": Interval(0.5, math.nan, math.inf, n=3), "b": 1.0, "c": math.nan}) == {
            "a": {"estimate": 0.5, "low": None, "high": None, "n": 3},
            "b": 1.0,
            "c": None,
        }

    def test_what_is_defined_and_what_has_bounds(self):
        assert not UNDEFINED.is_defined
        assert not UNDEFINED.is_bounded
        one = mean_interval([0.5])
        assert one.is_defined
        assert not one.is_bounded
        assert not Interval(0.5, 0.4, math.nan).is_bounded

    def test_the_deviation_is_that_of_a_normal_interval(self):
        assert Interval(0.5, 0.5 - 1.959964 * 0.1, 0.5 + 1.959964 * 0.1).deviation == pytest.approx(0.1)


class TestWilson:
    @given(COUNTS.filter(lambda pair: pair[1] > 0))
    def test_bounds_solve_the_score_equation(self, pair):
        successes, n = pair
        found = wilson(successes, n)
        assert 0 <= found.low <= found.estimate == successes / n <= found.high <= 1
        for bound in bounds(found):
            if 0 < bound < 1:
                score = abs(found.estimate - bound) / math.sqrt(bound * (1 - bound) / n)
                assert score == pytest.approx(1.959963984540054, rel=1e-6)

    @given(COUNTS)
    def test_mirror(self, pair):
        successes, n = pair
        found, mirrored = wilson(successes, n), wilson(n - successes, n)
        assert bounds(mirrored) == pytest.approx((1 - found.high, 1 - found.low), nan_ok=True)

    def test_published_values(self):
        # Newcombe (1998), table I: 81 of 263, and 0 of 20.
        assert bounds(wilson(81, 263)) == pytest.approx((0.2553, 0.3662), abs=5e-5)
        assert bounds(wilson(0, 20)) == pytest.approx((0.0, 0.1611), abs=5e-5)

    def test_wider_with_level(self):
        assert wilson(3, 10, 0.99).high > wilson(3, 10, 0.9).high

    def test_nothing_is_undefined(self):
        found = wilson(0, 0)
        assert found.n == 0
        assert all(isnan(x) for x in (found.estimate, *bounds(found)))

    @pytest.mark.parametrize("pair", [(2, 1), (-1, 3)])
    def test_refuses(self, pair):
        with pytest.raises(ValueError, match="not a proportion"):
            wilson(*pair)


class TestPassAtK:
    @given(st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
    def test_equals_subsets(self, case):
        n, c, k = case
        subsets = list(itertools.combinations([True] * c + [False] * (n - c), k))
        assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))

    @given(st.integers(1, 30).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
    def test_rises_in_k(self, case):
        n, c = case
        values = [pass_at_k(n, c, k) for k in range(1, n + 1)]
        assert values == sorted(values)
        assert values[0] == pytest.approx(c / n)

    def test_too_few_samples(self):
        assert isnan(pass_at_k(3, 2, 4))

    @pytest.mark.parametrize("case", [(3, 4, 1), (3, -1, 1), (3, 1, 0)])
    def test_refuses(self, case):
        with pytest.raises(ValueError, match="pass_at_k needs"):
            pass_at_k(*case)


class TestMean:
    # Printed tables of the t distribution.
    @pytest.mark.parametrize(
        ("df", "expected"),
        [
            (1, 12.7062),
            (2, 4.3027),
            (3, 3.1824),
            (4, 2.7764),
            (9, 2.2622),
            (29, 2.0452),
            (120, 1.9799),
            (10**6, 1.95996),
        ],
    )
    def test_quantiles(self, df, expected):
        assert t_quantile(0.975, df) == pytest.approx(expected, abs=6e-5)

    @given(st.floats(0.51, 0.999))
    def test_closed_forms(self, p):
        assert t_quantile(p, 1) == pytest.approx(math.tan(math.pi * (p - 0.5)), rel=1e-9)
        u = 2 * p - 1
        assert t_quantile(p, 2) == pytest.approx(u * math.sqrt(2 / (1 - u * u)), rel=1e-9)

    @pytest.mark.parametrize(("p", "df"), [(0.5, 3), (1.0, 3), (0.9, 0)])
    def test_refuses(self, p, df):
        with pytest.raises(ValueError, match="t_quantile needs"):
            t_quantile(p, df)

    def test_example(self):
        found = mean_interval([4.0, 6.0, 8.0, 10.0])
        half = 3.182446 * math.sqrt(20 / 3) / 2
        assert (found.estimate, *bounds(found)) == pytest.approx((7.0, 7 - half, 7 + half))

    @given(st.lists(st.floats(-100, 100), min_size=2, max_size=20), st.floats(-50, 50))
    def test_shifts(self, values, shift):
        found, moved = mean_interval(values), mean_interval([value + shift for value in values])
        assert (moved.low, moved.high) == pytest.approx((found.low + shift, found.high + shift), abs=1e-6)

    def test_undefined(self):
        assert isnan(mean_interval([]).estimate)
        one = mean_interval([3.0])
        assert one.estimate == 3.0
        assert isnan(one.low)
        assert isnan(one.high)

    def test_coverage(self):
        draws = np.random.default_rng(0).normal(size=(2000, 5))
        covered = [found.low <= 0 <= found.high for found in map(mean_interval, draws)]
        assert 0.935 < np.mean(covered) < 0.965


class TestPairedDifference:
    @given(BITS)
    @settings(deadline=None, max_examples=30)
    def test_estimate_and_order(self, pairs):
        a, b = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
        found = paired_difference(a, b, np.random.default_rng(0), resamples=500)
        swapped = paired_difference(b, a, np.random.default_rng(0), resamples=500)
        assert found.estimate == pytest.approx(a.mean() - b.mean())
        assert found.low <= found.high
        assert swapped.estimate == -found.estimate

    def test_equals_index_bootstrap(self):
        source = np.random.default_rng(1)
        a, b = source.random(60), source.random(60)
        found = paired_difference(a, b, np.random.default_rng(2), resamples=20_000)
        picks = np.random.default_rng(3).integers(60, size=(20_000, 60))
        slow = np.quantile((a - b)[picks].mean(axis=1), [0.025, 0.975])
        assert bounds(found) == pytest.approx(tuple(slow), abs=0.005)

    def test_pairing_matters(self):
        source = np.random.default_rng(0)
        difficulty = source.random(300)
        a, b = (difficulty < 0.5).astype(float), (difficulty < 0.45).astype(float)
        paired = paired_difference(a, b, source)
        unpaired = paired_difference(a, source.permutation(b), source)
        assert paired.low > 0 > unpaired.low

    def test_chunks_do_not_matter(self):
        values = np.random.default_rng(0).random(3000)
        found = paired_difference(values, np.zeros(3000), np.random.default_rng(0), resamples=3000)
        half = 1.96 * values.std() / math.sqrt(3000)
        assert bounds(found) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.002)

    def test_undefined(self):
        generator = np.random.default_rng(0)
        assert isnan(paired_difference([], [], generator).estimate)
        one = paired_difference([1], [0], generator)
        assert one.estimate == 1
        assert isnan(one.low)

    def test_refuses_unequal(self):
        with pytest.raises(ValueError, match="differ in shape"):
            paired_difference([1], [1, 0], np.random.default_rng(0))


class TestSeedsAndProblems:
    def test_estimate(self):
        found = seeds_and_problems([[0, 1, 1, 1], [1, 1, 0, 0]], np.random.default_rng(0))
        assert found.estimate == pytest.approx(5 / 8)
        assert found.n == 2

    def test_seeds_alone(self):
        # Problems without effect: the interval is that of the seeds' means, with Bessel's correction.
        means = np.array([0.1, 0.2, 0.4, 0.5, 0.8])
        table = np.repeat(means[:, None], 200, axis=1)
        found = seeds_and_problems(table, np.random.default_rng(0), level=0.6826894921, resamples=40_000)
        assert (found.high - found.low) / 2 == pytest.approx(means.std(ddof=1) / math.sqrt(5), rel=0.1)

    def test_one_seed_fewer_is_drawn(self):
        # Of two seeds one is drawn: half of the resamples are at either, none between them.
        found = seeds_and_problems([[0.2] * 5, [0.6] * 5], np.random.default_rng(0), level=0.4)
        assert bounds(found) == pytest.approx((0.2, 0.6))

    def test_problems_are_shared_by_seeds(self):
        # Identical seeds add no information: as wide as the bootstrap over problems of one of them.
        row = (np.random.default_rng(0).random(400) < 0.3).astype(float)
        both = seeds_and_problems([row] * 5, np.random.default_rng(1))
        one = paired_difference(row, np.zeros(400), np.random.default_rng(2))
        assert both.high - both.low == pytest.approx(one.high - one.low, rel=0.05)

    def test_wider_than_problems_alone(self):
        source = np.random.default_rng(0)
        table = np.array([source.random(300) < rate for rate in (0.2, 0.4, 0.5, 0.7)], dtype=float)
        found = seeds_and_problems(table, source)
        alone = paired_difference(table.mean(axis=0), np.zeros(300), source)
        assert found.high - found.low > 2 * (alone.high - alone.low)

    def test_one_seed_says_nothing_of_others(self):
        found = seeds_and_problems([[0, 1, 1]], np.random.default_rng(0))
        assert found.estimate == pytest.approx(2 / 3)
        assert isnan(found.low)
        assert isnan(found.high)

    def test_undefined(self):
        assert isnan(seeds_and_problems([[], []], np.random.default_rng(0)).estimate)

    def test_refuses(self):
        with pytest.raises(ValueError, match="one row per seed"):
            seeds_and_problems([0.0, 1.0], np.random.default_rng(0))
        with pytest.raises(ValueError, match="one row per seed"):
            seeds_and_problems([[0.0], [0.0, 1.0]], np.random.default_rng(0))


class TestMcNemar:
    @given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=12))
    def test_equals_enumeration(self, pairs):
        a, b = zip(*pairs, strict=True)
        differing = [x for x, y in pairs if x != y]
        seen = abs(2 * sum(differing) - len(differing))
        coins = list(itertools.product([0, 1], repeat=len(differing)))
        extreme = sum(abs(2 * sum(coin) - len(coin)) >= seen for coin in coins)
        assert mcnemar(a, b) == pytest.approx(extreme / len(coins))

    @given(BITS)
    def test_symmetric(self, pairs):
        a, b = zip(*pairs, strict=True)
        assert mcnemar(a, b) == mcnemar(b, a)

    def test_many(self):
        assert mcnemar([True] * 5000, [False] * 5000) == 0.0
        assert mcnemar([True] * 3000 + [False] * 3000, [False] * 3000 + [True] * 3000) == 1.0

    def test_undefined(self):
        assert isnan(mcnemar([], []))

    def test_refuses_unequal(self):
        with pytest.raises(ValueError, match="differ in length"):
            mcnemar([True], [])


@given(st.integers(2, 5), st.integers(2, 30))
@settings(deadline=None, max_examples=20)
def test_order_of_problems_and_seeds_does_not_move_the_estimate(seeds, problems):
    table = np.random.default_rng(seeds * 100 + problems).random((seeds, problems))
    shuffled = table[::-1, ::-1]
    first = seeds_and_problems(table, np.random.default_rng(0), resamples=200)
    second = seeds_and_problems(shuffled, np.random.default_rng(0), resamples=200)
    assert first.estimate == pytest.approx(second.estimate)
