"""Agreement against textbook values, exact fractions, brute-force matching and a bootstrap in plain loops."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.errors import ConfigError
from secondthought.habits.agreement import covered, matched_pairs, overlap, presence_agreement, span_agreement
from secondthought.stats import wilson
from secondthought.types import Reading, Span

B = "verification"


def dice():
    return np.random.default_rng(0)


def says(*counts):
    return [Reading(counts={B: count}) for count in counts]


def span(start, end, behavior=B):
    return Span(behavior=behavior, start=start, end=end, text="")


def points(*spans):
    return Reading(counts={B: len(spans)}, spans=tuple(span(*ends) for ends in spans))


def table(both, only_a, only_b, neither):
    a = [1] * both + [3] * only_a + [0] * only_b + [0] * neither
    b = [2] * both + [0] * only_a + [1] * only_b + [0] * neither
    return says(*a), says(*b)


def same(found, wanted):
    return math.isnan(found) if wanted is None else math.isclose(found, wanted, abs_tol=1e-12)


def ratio(above, below):
    return Fraction(above, below) if below else None


def slow_kappa(labels):
    n = len(labels)
    observed = Fraction(sum(a == b for a, b in labels), n)
    expected = sum(
        Fraction(sum(a == c for a, _ in labels), n) * Fraction(sum(b == c for _, b in labels), n) for c in (True, False)
    )
    return None if expected == 1 else (observed - expected) / (1 - expected)


@pytest.mark.parametrize(
    ("cells", "kappa"),
    [
        ((20, 5, 10, 15), 0.4),
        ((45, 15, 25, 15), 0.1304),
        ((25, 35, 5, 35), 0.2593),
        ((10, 0, 0, 10), 1.0),
        ((0, 10, 10, 0), -1.0),
    ],
)
def test_kappa_of_textbooks(cells, kappa):
    assert presence_agreement(*table(*cells), B, dice()).kappa.estimate == pytest.approx(kappa, abs=5e-5)


_COUNT = st.none() | st.integers(0, 2)


@given(st.lists(st.tuples(_COUNT, _COUNT), max_size=12))
def test_presence_is_the_obvious_loop(counts):
    found = presence_agreement(says(*(a for a, _ in counts)), says(*(b for _, b in counts)), B, dice())
    labels = [(a > 0, b > 0) for a, b in counts if a is not None and b is not None]
    both = sum(a and b for a, b in labels)
    in_a, in_b = sum(a for a, _ in labels), sum(b for _, b in labels)
    assert (found.compared, found.missing) == (len(labels), len(counts) - len(labels))
    assert (found.both, found.only_reference, found.only_other) == (both, in_a - both, in_b - both)
    assert same(found.precision.estimate, ratio(both, in_b))
    assert same(found.recall.estimate, ratio(both, in_a))
    assert same(found.f1.estimate, ratio(2 * both, in_a + in_b))
    assert same(found.kappa.estimate, slow_kappa(labels) if labels else None)


@given(st.lists(st.tuples(_COUNT, _COUNT), min_size=1, max_size=12))
def test_intervals_hold_their_estimate_and_sides_can_change_places(counts):
    a, b = says(*(a for a, _ in counts)), says(*(b for _, b in counts))
    there, back = presence_agreement(a, b, B, dice()), presence_agreement(b, a, B, dice())
    for interval in (there.kappa, there.precision, there.recall, there.f1):
        if not math.isnan(interval.low):
            assert interval.low <= interval.estimate <= interval.high
            assert interval.low < interval.high
    assert same(there.kappa.estimate, None if math.isnan(back.kappa.estimate) else back.kappa.estimate)
    assert repr((there.precision, there.recall)) == repr((back.recall, back.precision))
    assert repr(there.f1) == repr(back.f1)


def test_precision_is_a_share_of_completions():
    found = presence_agreement(*table(18, 3, 2, 77), B, dice())
    assert found.precision == wilson(18, 20)
    assert found.recall == wilson(18, 21)


def test_the_bootstrap_is_the_plain_one():
    cells = (20, 5, 10, 15)
    found = presence_agreement(*table(*cells), B, dice()).kappa
    labels = [(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [(False, False)] * 15
    generator = np.random.default_rng(1)
    slow = [slow_kappa([labels[i] for i in generator.integers(50, size=50)]) for _ in range(1500)]
    low, high = np.quantile([float(kappa) for kappa in slow], [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.05)
    assert found.n == 50


def test_kappa_covers_the_truth_about_as_often_as_it_says():
    """Two sides that agree with chance-corrected 0.5: 9 of 10 intervals at the least hold it."""
    generator = np.random.default_rng(2)
    held = 0
    for _ in range(100):
        truth = generator.random(80) < 0.4
        guess = np.where(generator.random(80) < 0.5, truth, generator.random(80) < 0.4)
        found = presence_agreement(says(*map(int, truth)), says(*map(int, guess)), B, generator).kappa
        held += found.low <= 0.5 <= found.high
    assert held >= 88


def test_no_error_in_few_completions_is_no_proof():
    few, many = (presence_agreement(*table(n, 0, 0, n), B, dice()) for n in (3, 300))
    for agreement in (few, many):
        assert agreement.kappa.estimate == agreement.f1.estimate == 1.0 == agreement.kappa.high
    assert few.kappa.low < 0.5 < 0.95 < many.kappa.low
    assert few.f1.low < 0.7 < 0.95 < many.f1.low
    lopsided = presence_agreement(*table(300, 0, 0, 2), B, dice())
    assert lopsided.kappa.low < 0.5


class TestUndefined:
    """NaN, never 0."""

    def test_nothing_to_compare(self):
        found = presence_agreement([], [], B, dice())
        assert (found.compared, found.missing) == (0, 0)
        for interval in (found.kappa, found.precision, found.recall, found.f1):
            assert math.isnan(interval.estimate)

    def test_both_say_the_same_of_everything(self):
        found = presence_agreement(says(0, 0, 0), says(0, 0, 0), B, dice())
        assert math.isnan(found.kappa.estimate)
        assert math.isnan(found.precision.estimate)

    def test_missing_is_excluded_and_counted(self):
        found = presence_agreement(says(1, None, 0, None), says(1, 1, None, None), B, dice())
        assert (found.compared, found.missing, found.both) == (1, 3, 1)

    def test_one_completion_has_no_bootstrap(self):
        found = span_agreement([points((0, 2))], [points((0, 2))], B, [4], dice())
        assert found.precision.estimate == found.kappa.estimate == 1.0
        assert math.isnan(found.precision.low)


class TestSpans:
    """Where it shows."""

    _SPANS = st.lists(st.tuples(st.integers(0, 8), st.integers(1, 4)).map(lambda s: (s[0], s[0] + s[1])), max_size=4)

    @given(_SPANS, _SPANS, st.sampled_from([0.0, 0.3, 0.5, 1.0]))
    def test_matching_is_the_best_of_all(self, a, b, least):
        first, second = [span(*ends) for ends in a], [span(*ends) for ends in b]

        def fits(x, y):
            shared = len(set(range(x.start, x.end)) & set(range(y.start, y.end)))
            union = len(set(range(x.start, x.end)) | set(range(y.start, y.end)))
            return shared > 0 and Fraction(shared, union) >= Fraction(least)

        best = 0
        short, long = sorted((first, second), key=len)
        for chosen in itertools.permutations(long, len(short)):
            best = max(best, sum(fits(x, y) for x, y in zip(short, chosen, strict=True)))
        assert matched_pairs(first, second, least) == best

    @given(st.lists(st.tuples(_SPANS, _SPANS), min_size=1, max_size=5))
    def test_kappa_is_over_code_points(self, texts):
        length = 15
        reference, other = [points(*a) for a, _ in texts], [points(*b) for _, b in texts]
        found = span_agreement(reference, other, B, [length] * len(texts), dice())
        labels = [
            (any(s <= at < e for s, e in a), any(s <= at < e for s, e in b)) for a, b in texts for at in range(length)
        ]
        assert same(found.kappa.estimate, slow_kappa(labels))

    def test_counts_and_shares(self):
        reference = [points((0, 10), (20, 30), (40, 50)), points((0, 5))]
        other = [points((2, 8), (28, 60)), points()]
        any_overlap = span_agreement(reference, other, B, [60, 9], dice())
        assert (any_overlap.both, any_overlap.only_reference, any_overlap.only_other) == (2, 2, 0)
        assert any_overlap.recall.estimate == 0.5
        assert any_overlap.f1.estimate == pytest.approx(2 / 3)
        half = span_agreement(reference, other, B, [60, 9], dice(), least_overlap=0.5)
        assert (half.both, half.only_reference, half.only_other) == (1, 3, 1)

    def test_one_long_span_is_one_find(self):
        found = span_agreement([points((0, 2), (4, 6), (8, 9))], [points((0, 10))], B, [10], dice())
        assert (found.both, found.only_reference) == (1, 2)

    def test_other_behaviors_do_not_count(self):
        other = Reading(counts={B: 0, "x": 1}, spans=(span(0, 2, "x"),))
        assert span_agreement([points((0, 2))], [other], B, [4], dice()).both == 0

    def test_a_count_without_spans_is_missing(self):
        found = span_agreement([points((0, 2)), *says(0)], [Reading(counts={B: 2}), *says(0)], B, [4, 4], dice())
        assert (found.compared, found.missing) == (1, 1)

    def test_the_bootstrap_is_over_completions(self):
        """All spans of one completion: as wide as one completion leaves it, not as narrow as fifty spans would."""
        many = [(2 * i, 2 * i + 1) for i in range(50)]
        reference = [points(*many), points((0, 1))]
        other = [points(*many), points((5, 6))]
        found = span_agreement(reference, other, B, [100, 100], dice()).recall
        assert found.estimate == pytest.approx(50 / 51)
        assert (found.low, found.high) == (0.0, 1.0)

    def test_a_chain_needs_no_deep_stack(self):
        a = [span(2 * i, 2 * i + 3) for i in range(1100)]
        b = [span(2 * i - 1, 2 * i + 1) for i in range(1, 1101)]
        assert matched_pairs(a, b) == 1100

    @given(_SPANS)
    def test_overlap_and_cover(self, ends):
        spans = [span(*one) for one in ends]
        assert covered(spans, 12).sum() == len({at for s, e in ends for at in range(s, e)})
        assert all(overlap(one, one) == 1 for one in spans)


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda: presence_agreement(says(1), says(1, 0), B, dice()), "1 readings cannot be compared with 2"),
        (lambda: presence_agreement(says(1), says(1), "dreaming", dice()), "does not look for dreaming"),
        (lambda: span_agreement(says(0), says(0), B, [1], dice(), least_overlap=1.5), "least_overlap is 1.5"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(call, names):
    with pytest.raises(ConfigError, match=names):
        call()
