"""Axes: ticks enclose any range, and their texts are short, true and all different."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.report.page.axes import can_be_drawn, tick_text, ticks

finite = st.floats(-1e6, 1e6, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-6)
UNITS = {"k": 1e3, "M": 1e6, "G": 1e9}


def value_of(text):
    """Read a tick as a person would."""
    scale = 0.01 if text.endswith("%") else 1.0
    text = text.removesuffix("%").replace(",", "")
    return float(text[:-1]) * UNITS[text[-1]] * scale if text[-1] in UNITS else float(text) * scale


@given(finite, st.floats(1e-6, 1e6))
def test_ticks_enclose_their_range_and_are_few(low, width):
    found = ticks(low, low + width)
    step = found[1] - found[0]
    assert 2 <= len(found) <= 8
    assert found[0] <= low + 1e-6 * step
    assert found[-1] >= low + width - 1e-6 * step - 1e-9 * abs(low)


@given(st.floats(allow_nan=False, allow_infinity=False).filter(can_be_drawn), st.booleans())
def test_texts_of_ticks_are_short_and_true_and_differ(end, percent):
    marks = ticks(min(0.0, end), max(0.0, end))
    texts = [tick_text(mark, marks, percent) for mark in marks]
    assert len(set(texts)) == len(texts)
    assert max(map(len, texts)) <= 10
    assert [value_of(text) for text in texts] == [pytest.approx(mark, rel=1e-6, abs=1e-300) for mark in marks]


@pytest.mark.parametrize("end", [1e-7, 3e-12, 4.2e-38, 0.0, 7e5, 1e30, 1e289, 5e-324])
def test_the_axis_of_a_tiny_or_huge_range_is_not_all_zeros(end):
    marks = ticks(0.0, end)
    assert len({tick_text(mark, marks) for mark in marks}) == len(marks) >= 3
    assert marks[-1] >= end


def test_what_is_no_number_is_not_drawn():
    assert [can_be_drawn(value) for value in (math.nan, math.inf, -math.inf, 1e300, 0.0, -5.0)] == [False] * 4 + [
        True
    ] * 2
