import math
import re
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.habits.rates import HabitTally, Observed, rates_in_groups, right_difference, summarise_habits
from secondthought.stats import Ratio, mean_interval, wilson

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"
BEHAVIORS = ("verification", "backtracking")

counts = st.none() | st.integers(0, 6)
texts = st.builds(
    lambda v, b, words, tokens, correct: Observed(
        counts={"verification": v, "backtracking": b}, words=words, tokens=tokens, correct=correct
    ),
    counts,
    counts,
    st.integers(0, 400),
    st.none() | st.integers(0, 600),
    st.sampled_from([None, True, False]),
)


def same(found, expected):
    """Equal intervals, NaN where the other is NaN."""
    assert found.n == expected.n
    for end in ("estimate", "low", "high"):
        assert getattr(found, end) == pytest.approx(getattr(expected, end), nan_ok=True, abs=1e-9)


def cut(interval, values):
    """A mean of counts is not below 0. Counts that are all alike have Poisson's bounds; of none, -log(.025) / n."""
    low, high, n = max(0.0, interval.low) if interval.is_bounded else interval.low, interval.high, len(values)
    if n > 1 and not sum(values):
        low, high = 0.0, -math.log(0.025) / n
    elif n > 1 and len(set(values)) == 1:
        # The rates from which the finds lie 1.96 standard deviations away.
        low, high = (
            (sum(values) + 1.959964**2 / 2 + side * 1.959964 * math.sqrt(sum(values) + 1.959964**2 / 4)) / n
            for side in (-1, 1)
        )
        assert (sum(values) - n * high) / math.sqrt(n * high) == pytest.approx(-1.959964)
        assert (sum(values) - n * low) / math.sqrt(n * low) == pytest.approx(1.959964)
    return replace(interval, low=low, high=high)


@given(st.lists(texts, max_size=30))
def test_numbers_are_those_of_the_slow_way(read):
    found = summarise_habits(read, BEHAVIORS)
    unit = "tokens" if read and all(text.tokens is not None for text in read) else "words"
    assert (found.texts, found.unit) == (len(read), unit)
    assert (found.correct, found.wrong) == tuple(sum(text.correct is side for text in read) for side in (True, False))
    for name in BEHAVIORS:
        for side, rates in zip((None, True, False), _sides(found.behaviors[name]), strict=True):
            chosen = [text for text in read if side is None or text.correct is side]
            known = [text for text in chosen if text.counts[name] is not None]
            values = [text.counts[name] for text in known]
            lengths = [getattr(text, unit) for text in known]
            assert rates.missing == len(chosen) - len(known)
            assert rates.total == sum(values)
            same(rates.presence, wilson(sum(value > 0 for value in values), len(values)))
            same(rates.mean_count, cut(mean_interval(values), values))
            if sum(lengths):
                assert rates.per_1000.estimate == pytest.approx(1000 * sum(values) / sum(lengths))
            else:
                assert math.isnan(rates.per_1000.estimate)


def _sides(habit):
    return habit.all, habit.correct, habit.wrong


def test_missing_is_not_zero():
    read = [Observed(counts={"verification": count}, words=10) for count in (None, 2, None, 2)]
    found = summarise_habits(read, ["verification"]).behaviors["verification"].all
    assert (found.missing, found.mean_count.estimate, found.presence.estimate) == (2, 2.0, 1.0)
    assert found.per_1000.estimate == 200.0


def test_all_missing_and_no_texts_are_undefined():
    unread = summarise_habits([Observed(counts={"verification": None}, words=10)] * 3, ["verification"])
    for found in (unread, summarise_habits([], ["verification"])):
        rates = found.to_json()["behaviors"]["verification"]
        assert rates["presence"]["estimate"] is rates["mean_count"]["estimate"] is None
        assert rates["per_1000_words"]["estimate"] is None
        assert rates["given_correct"]["presence"]["n"] == 0
    assert unread.behaviors["verification"].all.missing == 3


def test_given_right_and_wrong_leave_out_what_nobody_judged():
    read = [Observed(counts={"verification": n}, words=1, correct=c) for n, c in ((4, True), (1, False), (7, None))]
    found = summarise_habits(read, ["verification"])
    habit = found.behaviors["verification"]
    assert [rates.total for rates in _sides(habit)] == [12, 4, 1]
    assert found.to_json()["unjudged"] == 1


def test_one_text_without_tokens_puts_all_in_words():
    read = [Observed(counts={"verification": 1}, words=10, tokens=tokens) for tokens in (20, 30)]
    assert "per_1000_tokens" in summarise_habits(read, ["verification"]).to_json()["behaviors"]["verification"]
    mixed = [*read, Observed(counts={"verification": 1}, words=10)]
    found = summarise_habits(mixed, ["verification"])
    assert (found.unit, found.behaviors["verification"].all.per_1000.estimate) == ("words", 100.0)


def test_no_find_in_few_texts_is_no_proof():
    """A behaviour with a rate of 3 in n texts goes unseen once in 20 times: bounds of 0 and 0 would be wrong then."""
    read = [Observed(counts={"verification": 0}, words=7, tokens=50)] * 20
    found = summarise_habits(read, ["verification"]).behaviors["verification"].all
    assert found.mean_count.high == pytest.approx(3.689 / 20, abs=1e-4)
    assert math.exp(-20 * found.mean_count.high) == pytest.approx(0.025)
    assert found.per_1000.high == pytest.approx(3689 / (20 * 50), abs=1e-3)
    assert found.mean_count.high >= found.presence.high
    # Five samples of each of four problems are worth no more than four texts.
    grouped = rates_in_groups([read[:5]] * 4, "verification")
    assert grouped.mean_count.high == pytest.approx(3.689 / 4, abs=1e-3)
    assert grouped.per_1000.high == pytest.approx(3689 / (4 * 50), abs=1e-2)


def test_a_rate_of_finds_is_not_below_zero():
    read = [Observed(counts={"verification": n}, words=10) for n in (0, 0, 0, 0, 1)]
    found = summarise_habits(read, ["verification"]).behaviors["verification"].all
    assert (found.mean_count.low, found.per_1000.low) == (0.0, 0.0)


def test_the_ratio_interval_covers_as_often_as_it_says():
    generator = np.random.default_rng(5)
    covered = 0
    for _ in range(400):
        lengths = generator.integers(20, 200, size=60)
        pairs = Ratio()
        for length, count in zip(lengths, generator.poisson(0.02 * lengths), strict=True):
            pairs.add(int(count), int(length))
        found = pairs.interval(1000)
        covered += found.low <= 20 <= found.high
    assert abs(covered / 400 - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 400)


@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=5), min_size=2, max_size=12))
def test_groups_of_one_are_texts_and_copies_add_nothing(groups):
    alone = [[value] for values in groups for value in values]
    values = [value for [value] in alone]
    same(_grouped(alone).mean_count, cut(mean_interval(values), values))
    # Samples that all say the same are one sample: the interval must not shrink as their number grows.
    equal = [[values[0]] for values in groups]
    many = [[values[0]] * 8 for values in groups]
    same(_grouped(many).mean_count, _grouped(equal).mean_count)
    same(_grouped(many).presence, _grouped(equal).presence)


def _grouped(groups):
    read = [[Observed(counts={"verification": n}, words=1, tokens=1) for n in group] for group in groups]
    return rates_in_groups(read, "verification")


@given(st.lists(st.lists(st.integers(0, 2), max_size=4), max_size=9))
def test_presence_in_groups_is_a_share(groups):
    found = _grouped(groups).presence
    values = [value > 0 for group in groups for value in group]
    assert found.n == sum(map(bool, groups))
    if values:
        assert found.estimate == pytest.approx(sum(values) / len(values))
        assert not found.low < 0
        assert not found.high > 1
    if found.n and len(set(values)) == 1:
        z = NormalDist().inv_cdf(0.975)
        assert found.high - found.low == pytest.approx(z * z / (found.n + z * z))
    if not values:
        assert math.isnan(found.estimate)


def test_missing_in_groups_is_left_out():
    read = [[Observed(counts={"verification": n}, words=1, tokens=10) for n in group] for group in ([None], [1, None])]
    found = rates_in_groups(read, "verification")
    assert (found.missing, found.mean_count.estimate, found.mean_count.n) == (2, 1.0, 1)


def test_every_name_in_the_summary_is_defined_on_the_page():
    tally = HabitTally(["verification"])
    names = {"rows", "errors", "detector", *tally.habits().to_json(), "per_1000_tokens", "per_1000_words"}
    names |= set(tally.habits().to_json()["behaviors"]["verification"])
    names |= {"right_difference", "picked"}  # of a run
    section = PAGE.read_text().split("\n## Habits")[1].split("\n## ")[0]
    defined = re.findall(r"^- `([^`]+)`", section, flags=re.MULTILINE)
    assert set(defined) == names - {"behaviors"}
    assert len(defined) == len(set(defined))


JUDGED = st.lists(
    st.lists(st.tuples(st.sampled_from([None, 0, 1, 3]), st.sampled_from([None, False, True])), max_size=8), max_size=6
)


@given(JUDGED)
def test_the_right_difference_is_a_weighted_mean_of_the_groups_differences(read):
    """Mantel and Haenszel's: each group's own difference, weighted by n1 n0 / n."""
    groups = [[Observed(counts={"x": count}, words=1, correct=right) for count, right in group] for group in read]
    weighted = []
    for group in read:
        known = [(count > 0, right) for count, right in group if count is not None and right is not None]
        sides = [[right for shows, right in known if shows is side] for side in (True, False)]
        if all(sides):
            difference = np.mean(sides[0]) - np.mean(sides[1])
            weighted.append((difference, len(sides[0]) * len(sides[1]) / len(known)))
    found = right_difference(groups, "x")
    assert found.n == len(weighted)
    if weighted:
        differences, weights = np.array(weighted).T
        assert found.interval().estimate == pytest.approx(np.average(differences, weights=weights), abs=1e-12)
    else:
        assert math.isnan(found.interval().estimate)


def test_a_groups_part_is_the_advantage_of_the_texts_that_show_the_habit():
    rights, shows = [1, 0, 0, 1, 1], [True, True, False, False, True]
    group = [Observed(counts={"x": int(s)}, words=1, correct=bool(r)) for r, s in zip(rights, shows, strict=True)]
    mean = sum(rights) / 5
    assert right_difference([group], "x").y == pytest.approx(
        sum(r - mean for r, s in zip(rights, shows, strict=True) if s)
    )


def test_the_interval_of_the_right_difference_covers_as_often_as_it_says():
    """Groups of 16 differ in how hard they are, and a habit is worth 10 points in each."""
    draws, covered = np.random.default_rng(0), 0
    for _ in range(400):
        groups = []
        for hard in draws.uniform(0.1, 0.8, size=60):
            shows = draws.random(16) < 0.4
            rights = draws.random(16) < hard + 0.1 * shows
            pairs = zip(shows, rights, strict=True)
            groups.append([Observed(counts={"x": int(s)}, words=1, correct=bool(r)) for s, r in pairs])
        found = right_difference(groups, "x").interval()
        covered += found.low <= 0.1 <= found.high
    assert 0.92 <= covered / 400 <= 0.98


def test_ratios_add_up():
    whole, parts = Ratio(), [Ratio(), Ratio()]
    for place, (y, x) in enumerate([(1, 2), (0, 3), (4, 5), (2, 2)]):
        whole.add(y, x)
        parts[place % 2].add(y, x)
    parts[0] += parts[1]
    assert parts[0] == whole
