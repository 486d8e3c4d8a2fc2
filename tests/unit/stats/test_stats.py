"""Statistics against brute force, printed tables and their own definitions."""

from __future__ import annotations

import itertools
import math
from math import isnan

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from secondthought.stats import (
    UNDEFINED,
    Interval,
    benjamini_hochberg,
    decidable,
    fisher,
    holm,
    mcnemar,
    mean_difference,
    mean_interval,
    mean_share,
    paired_difference,
    pass_at_k,
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

    def test_halves_and_cutting(self):
        found = Interval(0.9, 0.7, 1.2, n=3)
        assert (found.below, found.above) == pytest.approx((0.2, 0.3))
        assert found.within(0, 1) == Interval(0.9, 0.7, 1.0, n=3)
        assert isnan(Interval(0.9, math.nan, 1.2).within(0, 1).low)


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
        assume(len(set(np.round(values, 4))) > 1)
        found, moved = mean_interval(values), mean_interval([value + shift for value in values])
        assert (moved.low, moved.high) == pytest.approx((found.low + shift, found.high + shift), abs=1e-6)

    def test_undefined(self):
        assert isnan(mean_interval([]).estimate)
        for values in ([3.0], [3.0] * 20, [0.1 + 0.2, 0.3]):  # no scatter is seen
            found = mean_interval(values)
            assert found.estimate == pytest.approx(values[0])
            assert isnan(found.low)
            assert isnan(found.high)

    def test_coverage(self):
        draws = np.random.default_rng(0).normal(size=(2000, 5))
        covered = [found.low <= 0 <= found.high for found in map(mean_interval, draws)]
        assert 0.935 < np.mean(covered) < 0.965


def tango(more, less, n):
    """The interval of n pairs of which so many differ each way."""
    return mean_difference([1] * more + [-1] * less + [0] * (n - more - less))


def slow_score(more, less, n, difference):
    """The score statistic with the likelihood maximised by search, not by its formula."""
    low, high = max(0.0, -difference), min(1.0, (1 - difference) / 2)
    for _ in range(120):  # the log-likelihood is concave
        thirds = low + (high - low) / 3, high - (high - low) / 3
        if _likelihood(more, less, n, difference, thirds[0]) < _likelihood(more, less, n, difference, thirds[1]):
            low = thirds[0]
        else:
            high = thirds[1]
    rest = (low + high) / 2
    return (more - less - n * difference) / math.sqrt(n * (2 * rest + difference - difference**2))


def _likelihood(more, less, n, difference, rest):
    chances = (more, rest + difference), (less, rest), (n - more - less, 1 - 2 * rest - difference)
    return sum(count * math.log(max(chance, 1e-300)) for count, chance in chances if count)


class TestPairedDifference:
    def test_published_values(self):
        # Airway hyper-responsiveness before and after: 1, 1, 7, 12 pairs (Fagerland, Lydersen and Laake 2014).
        assert bounds(tango(1, 7, 21)) == pytest.approx((-0.517, -0.026), abs=5e-4)

    @given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.integers(0, n), st.just(n))))
    @settings(deadline=None, max_examples=60)
    def test_bounds_solve_the_score_equation(self, case):
        more, less, n = case
        less = min(less, n - more)
        found = tango(more, less, n)
        assert -1 <= found.low <= found.estimate <= found.high <= 1
        assert found.estimate == pytest.approx((more - less) / n)
        for bound, side in zip(bounds(found), (1, -1), strict=True):
            if abs(bound) < 1 - 1e-9:
                assert slow_score(more, less, n, bound) == pytest.approx(side * 1.959964, abs=1e-4)

    @pytest.mark.parametrize("n", [1, 2, 3, 20, 1000])
    def test_pairs_that_all_agree_leave_a_doubt(self, n):
        found = tango(0, 0, n)
        assert found.high == -found.low == pytest.approx(1.959964**2 / (n + 1.959964**2))

    @pytest.mark.parametrize("n", [1, 2, 3, 20, 1000])
    def test_pairs_that_all_differ_leave_a_doubt(self, n):
        found = tango(n, 0, n)
        assert (found.estimate, found.high) == (1, 1)
        assert found.low < 1 - 1 / (2 * n)
        assert bounds(tango(0, n, n)) == (-1, -found.low)

    def test_which_way_problems_agree_does_not_matter(self):
        for right in range(21):
            outcomes = [1] * right + [0] * (20 - right)
            assert bounds(paired_difference(outcomes, outcomes)) == bounds(tango(0, 0, 20))

    def test_it_covers_at_its_rate_for_few_problems(self):
        """By enumeration: every table of n pairs, each with its chance."""
        for n, least in ((5, 0.91), (12, 0.92), (20, 0.93)):
            tables = [(b, c) for b in range(n + 1) for c in range(n + 1 - b)]
            found = {table: tango(*table, n) for table in tables}
            covered = []
            for p, q in itertools.product(np.linspace(0, 0.9, 10), repeat=2):
                if p + q > 1:
                    continue
                inside = [
                    math.comb(n, b) * math.comb(n - b, c) * p**b * q**c * max(0.0, 1 - p - q) ** (n - b - c)
                    for b, c in tables
                    if found[b, c].low - 1e-9 <= p - q <= found[b, c].high + 1e-9
                ]
                covered.append(sum(inside))
            assert min(covered) > least
            assert 0.945 < np.mean(covered) < 0.985

    @pytest.mark.parametrize(("problems", "samples", "width"), [(10, 8, 0.33), (20, 4, 0.32), (50, 16, 0.09)])
    def test_several_samples_per_problem(self, problems, samples, width):
        """Averages over a problem's samples: problems are drawn, samples of a problem are alike."""
        draw, held, widths = np.random.default_rng(0), 0, []
        for _ in range(500):
            skill = draw.beta(0.5, 1.2, problems)
            after, before = (draw.binomial(samples, 0.8 * skill + more) / samples for more in (0.1, 0.0))
            found = paired_difference(after, before)
            held += found.low <= 0.1 <= found.high
            widths.append(found.high - found.low)
        assert held / 500 > 0.92
        assert np.mean(widths) < width

    def test_averages_that_agree_say_no_more_than_as_many_pairs(self):
        found = mean_difference([0.5] * 6)
        pairs = tango(3, 0, 6)
        assert bounds(found) == pytest.approx(bounds(pairs))

    @given(BITS)
    def test_swapped(self, pairs):
        a, b = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
        found, swapped = paired_difference(a, b), paired_difference(b, a)
        assert found.estimate == pytest.approx(a.mean() - b.mean())
        assert bounds(swapped) == pytest.approx((-found.high, -found.low))

    def test_pairing_matters(self):
        source = np.random.default_rng(0)
        difficulty = source.random(300)
        a, b = (difficulty < 0.5).astype(float), (difficulty < 0.45).astype(float)
        assert paired_difference(a, b).low > 0 > paired_difference(a, source.permutation(b)).low

    def test_undefined(self):
        assert isnan(paired_difference([], []).estimate)
        assert isnan(mean_difference([]).low)

    @pytest.mark.parametrize(
        ("a", "b", "words"),
        [
            ([1], [1, 0], "differ in shape"),
            ([64.0], [1.0], "not all values lie from 0 to 1"),
            ([math.nan], [1.0], "not all values lie"),
            ([[1.0]], [[1.0]], "one value per problem"),
        ],
    )
    def test_refuses(self, a, b, words):
        with pytest.raises(ValueError, match=words):
            paired_difference(a, b)


class TestMeanShare:
    @given(COUNTS.filter(lambda pair: pair[1] > 0))
    @settings(deadline=None)
    def test_of_right_and_wrong_it_is_wilsons(self, pair):
        successes, n = pair
        found = mean_share([1] * successes + [0] * (n - successes))
        assert bounds(found) == pytest.approx(bounds(wilson(successes, n)), abs=1e-6)
        assert (found.estimate, found.n) == (pytest.approx(successes / n), n)

    @given(st.lists(st.integers(0, 4), min_size=1, max_size=30))
    def test_it_has_width_and_stays_a_share(self, counts):
        found = mean_share([count / 4 for count in counts])
        assert 0 <= found.low < found.high <= 1
        assert found.low - 1e-12 <= found.estimate <= found.high + 1e-12

    @pytest.mark.parametrize(("problems", "samples"), [(8, 4), (20, 4), (50, 16)])
    def test_it_covers_at_its_rate(self, problems, samples):
        draw, held = np.random.default_rng(1), 0
        for _ in range(500):
            found = mean_share(draw.binomial(samples, draw.beta(0.6, 1.4, problems)) / samples)
            held += found.low <= 0.3 <= found.high
        assert held / 500 > 0.92

    def test_nothing_is_undefined(self):
        assert isnan(mean_share([]).estimate)


class TestHolm:
    def test_published_example(self):
        # Holm's procedure by hand: .005 x 4, .01 x 3, .03 x 2, .04 (not below the one before).
        assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])

    @given(st.lists(st.floats(0, 1) | st.just(math.nan), max_size=12))
    def test_it_keeps_order_and_never_lowers_a_p(self, values):
        found = holm(values)
        known = [(p, q) for p, q in zip(values, found, strict=True) if not isnan(p)]
        assert all(isnan(q) for p, q in zip(values, found, strict=True) if isnan(p))
        assert all(p <= q <= 1 for p, q in known)
        ranked = [q for _, q in sorted(known)]
        assert ranked == sorted(ranked)
        if len(known) == 1:
            assert known[0][0] == known[0][1]

    def test_of_true_nulls_one_in_twenty_tables_has_a_small_p(self):
        draw = np.random.default_rng(0)
        tables = draw.random((4000, 6))
        assert np.mean([min(holm(row.tolist())) < 0.05 for row in tables]) == pytest.approx(0.05, abs=0.012)


class TestBenjaminiHochberg:
    def test_published_example(self):
        # Benjamini and Hochberg 1995, section 4.1: fifteen p-values, of which four are discoveries at .05.
        values = [
            0.0001,
            0.0004,
            0.0019,
            0.0095,
            0.0201,
            0.0278,
            0.0298,
            0.0344,
            0.0459,
            0.324,
            0.4262,
            0.5719,
            0.6528,
            0.759,
            1,
        ]
        found = benjamini_hochberg(values)
        assert sum(q <= 0.05 for q in found) == 4
        assert found[3] == pytest.approx(0.0095 * 15 / 4)

    @given(st.lists(st.floats(0, 1), max_size=12))
    def test_equals_the_definition(self, values):
        """A test is a discovery at alpha if a rank at or above its own has a p-value within alpha * rank / m."""
        found, m = benjamini_hochberg(values), len(values)
        for p, q in zip(values, found, strict=True):
            ranks = [(other, sum(x <= other for x in values)) for other in values if other >= p]
            assert q == pytest.approx(min(1.0, *(other * m / rank for other, rank in ranks)))

    def test_what_cannot_be_found_does_not_count(self):
        assert decidable([], 0.05) == []
        assert decidable([0.04] * 3, 0.05) == [False] * 3
        assert decidable([0.04, 1.0, 1.0], 0.05) == [True, False, False]
        assert sum(decidable([2.0**-n for n in range(1, 30)], 0.05)) == 21

    def test_a_search_through_sparse_nulls_finds_little(self):
        draw = np.random.default_rng(0)
        searches = 0
        for _ in range(400):
            first, second = draw.binomial(20, 0.2, 30), draw.binomial(20, 0.2, 30)
            totals = [int(a + b) for a, b in zip(first, second, strict=True)]
            least = [min(fisher(a, 20, t - a, 20) for a in (max(0, t - 20), min(20, t))) for t in totals]
            kept = decidable(least, 0.2)
            tests = [fisher(int(a), 20, int(b), 20) for a, b, k in zip(first, second, kept, strict=True) if k]
            searches += min(benjamini_hochberg(tests), default=1) <= 0.2
        assert searches / 400 <= 0.2


class TestFisher:
    @given(st.integers(0, 7), st.integers(0, 7), st.data())
    def test_equals_enumeration(self, n_a, n_b, data):
        a, b = data.draw(st.integers(0, n_a)), data.draw(st.integers(0, n_b))
        ways = {x: math.comb(n_a, x) * math.comb(n_b, a + b - x) for x in range(a + b + 1) if x <= n_a}
        extreme = sum(count for count in ways.values() if count <= ways[a])
        assert fisher(a, n_a, b, n_b) == pytest.approx(extreme / sum(ways.values()))

    def test_many(self):
        assert 0 <= fisher(5000, 5000, 0, 5000) < 1e-300
        assert fisher(2500, 5000, 2500, 5000) == pytest.approx(1.0)
        with pytest.raises(ValueError, match="not two shares"):
            fisher(3, 2, 0, 1)


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
