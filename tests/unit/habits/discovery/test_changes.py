"""Changes: tests of problems, not of texts, and intervals that allow for the search."""

import numpy as np
import pytest

from secondthought.habits.discovery.changes import Sides, level_for
from secondthought.habits.discovery.texts import WrittenText
from secondthought.stats import paired_difference, unpaired_difference, wilson


def texts(*problems):
    return [WrittenText(source=f"{place}", text="x", problem=name) for place, name in enumerate(problems)]


def where(*places):
    return np.array(places, dtype=np.int64)


PAIRED = Sides.of(texts(*"abcdef"), texts(*"fedcba"))
APART = Sides.of(texts(*"abcd"), texts(*"efgh"))


def test_sides_are_paired_where_most_problems_are_common():
    assert PAIRED.is_paired
    assert not APART.is_paired
    mostly = Sides.of(texts(*"abcx"), texts(*"abcyy"))
    assert (mostly.is_paired, mostly.left_out, mostly.num_texts) == (True, 3, (3, 3))
    more = Sides.of(texts(*"abcab"), texts(*"aabbc"))
    assert (more.left_out, more.num_texts) == (0, (5, 5))
    assert Sides.of(texts(*"abc"), texts(*"aabbc")).num_texts == (3, 3)
    assert Sides.of(texts(*"abbb"), texts(*"xxyy")).num_texts == (3, 3)
    assert Sides.of(texts(*"abcdee"), texts(*"xxxyz")).num_texts == (6, 4)
    few = Sides.of(texts(*"abcdef"), texts("a", *"uvwxyz"))
    assert (few.is_paired, few.left_out, few.num_texts, few.num_problems) == (False, 0, (6, 7), (6, 7))
    assert not Sides.of([], texts("a")).is_paired


def test_pairs_have_the_sign_test_and_the_interval_of_pairs():
    # Of six problems, four hold it after alone, and one before alone.
    holders = where(0, 7, 8, 9, 10)  # a before; e d c b after
    assert PAIRED.test(holders).p == pytest.approx(2 * (1 + 5) / 2**5)
    change = PAIRED.change(holders, 0.95)
    expected = paired_difference([0, 1, 1, 1, 1, 0], [1, 0, 0, 0, 0, 0])
    assert change.difference.estimate == pytest.approx(expected.estimate)
    assert change.difference.low == pytest.approx(expected.low, abs=1e-6)
    assert (change.texts_before, change.texts_after) == (1, 4)
    assert change.before.estimate == pytest.approx(1 / 6)


def test_samples_have_fishers_test_and_newcombes_interval():
    holders = where(4, 5, 6, 7)
    assert APART.test(holders).p == pytest.approx(2 / 70)
    change = APART.change(holders, 0.95)
    expected = unpaired_difference(wilson(4, 4), wilson(0, 4))
    assert (change.difference.estimate, change.difference.low) == pytest.approx((1.0, expected.low), abs=1e-6)


@pytest.mark.parametrize("sides", [PAIRED, APART])
def test_what_nobody_or_everybody_holds_has_not_changed(sides):
    everybody = np.arange(len(sides.texts))
    assert sides.test(everybody).p == sides.test(everybody[:0]).p == 1.0
    assert sides.change(everybody[:0], 0.95).difference.estimate == 0


def test_texts_of_one_problem_are_one_witness():
    """Ten texts of one problem are no better evidence than one."""
    many = Sides.of(texts(*"aaaaabbbbb"), texts(*"cccccddddd"))
    assert many.test(np.arange(10, 20)).p == pytest.approx(1 / 3)
    alone = Sides.of(texts(*map(str, range(10))), texts(*map(str, range(10, 20))))
    assert alone.test(np.arange(10, 20)).p < 1e-4
    wide, narrow = (sides.change(np.arange(10, 20), 0.95).difference for sides in (many, alone))
    assert wide.low < narrow.low


def test_a_rate_near_one_is_told_apart_too():
    """More than half of the problems hold it always: the rate that halves them is not zero."""
    sides = Sides.of(
        texts(*(f"a{place // 4}" for place in range(80))), texts(*(f"b{place // 4}" for place in range(80)))
    )
    before = [place for place in range(80) if place % 4 < 3]
    assert sides.test(where(*before, *range(80, 160))).p < 1e-9


def test_a_mean_that_goes_the_other_way_is_no_change():
    before, after = [*"aaaa", *"bbbb", *"cccc", *"dddd"], [*"aaaa", *"bbbb", *"cccc", *"dddd"]
    sides = Sides.of(texts(*before), texts(*after))
    # a fell from all to none; b, c and d rose by a quarter each.
    holders = where(0, 1, 2, 3, 20, 24, 28)
    assert sides.rise(holders) < 0
    assert sides.test(holders).p == 1.0


def test_intervals_of_what_was_chosen_are_wider():
    holders = where(0, 7, 8, 9, 10)
    narrow, wide = (PAIRED.change(holders, level).difference for level in (0.95, level_for(1, 100, 0.05)))
    assert wide.low < narrow.low < narrow.high < wide.high
    assert level_for(7, 7, 0.05) == 0.95
