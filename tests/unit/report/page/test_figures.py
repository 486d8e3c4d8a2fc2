import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.report.numbers.pooled import minus, over_seeds, over_seeds_and_problems
from secondthought.report.page.figures import (
    HEIGHT,
    MOST_POINTS,
    NUM_COLOURS,
    WIDTH,
    ChartLine,
    ChartPoint,
    interval_mark,
    line_chart,
    line_class,
    thin,
)
from secondthought.stats import Interval, mean_difference, mean_interval

finite = st.floats(-1e6, 1e6, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-6)


@given(st.lists(st.tuples(st.integers(0, 10**6), finite), min_size=1, max_size=30), st.booleans())
def test_any_chart_is_xml_within_its_box(pairs, percent):
    points = tuple(ChartPoint(x, y, y - 1, y + 1) for x, y in sorted(pairs))
    svg = line_chart([ChartLine(label="<a & b>", colour=0, series=(points,))], label='"x"', percent=percent)
    root = ElementTree.fromstring(svg)
    for circle in root.iter("circle"):
        assert 0 <= float(circle.get("cx")) <= WIDTH
        assert 0 <= float(circle.get("cy")) <= HEIGHT


def test_a_chart_places_points_where_they_belong():
    points = (ChartPoint(0, 0.0), ChartPoint(10, 0.4))
    root = ElementTree.fromstring(line_chart([ChartLine(label="a", colour=0, series=(points,))], label="x"))
    assert [(c.get("cx"), c.get("cy")) for c in root.iter("circle")] == [("54.0", "204.0"), ("428.0", "10.0")]


def test_several_seeds_give_a_mean_and_a_range():
    seeds = ((ChartPoint(1, 1.0), ChartPoint(2, 2.0)), (ChartPoint(1, 3.0), ChartPoint(2, 2.0), ChartPoint(3, 9.0)))
    root = ElementTree.fromstring(line_chart([ChartLine(label="a", colour=0, series=seeds)], label="x"))
    classes = [path.get("class") for path in root.iter("path")]
    assert classes.count("seed s0") == 2
    assert classes.count("band f0") == 1
    assert [title.text for title in root.iter("title")] == ["a, step 1: 2 [1, 3]", "a, step 2: 2 [2, 2]"]


@given(st.integers(1, 3 * NUM_COLOURS))
def test_no_two_lines_of_a_chart_look_alike(number):
    lines = [
        ChartLine(label=f"{index}", colour=index, series=((ChartPoint(0, 1.0), ChartPoint(1, 2.0)),))
        for index in range(number)
    ]
    root = ElementTree.fromstring(line_chart(lines, label="x"))
    drawn = [path.get("class") for path in root.iter("path") if "line" in path.get("class", "").split()]
    assert len(set(drawn)) == number
    assert len({line_class(index) for index in range(number)}) == number
    assert all(int(name) < NUM_COLOURS for path in drawn for name in re.findall(r"s(\d+)", path))


@pytest.mark.parametrize(("number", "bands"), [(NUM_COLOURS, NUM_COLOURS), (NUM_COLOURS + 1, 0)])
def test_many_lines_have_no_bands(number, bands):
    series = ((ChartPoint(0, 1.0, 0.5, 1.5), ChartPoint(1, 2.0, 1.5, 2.5)),)
    root = ElementTree.fromstring(
        line_chart([ChartLine(label="a", colour=index, series=series) for index in range(number)], label="x")
    )
    assert len([path for path in root.iter("path") if path.get("class", "").startswith("band")]) == bands


@pytest.mark.parametrize("number", [1, NUM_COLOURS + 1])
def test_what_is_not_drawn_takes_no_room(number):
    series = ((ChartPoint(0, 1.0, 0.5, 9.0), ChartPoint(1, 2.0, 1.5, 9.0)),) * (1 if number > 1 else 2)
    svg = line_chart([ChartLine(label="a", colour=index, series=series) for index in range(number)], label="x")
    assert max(float(text.text) for text in ElementTree.fromstring(svg).iter("text") if text.text != "step") <= 2


def test_nan_is_a_gap_and_seeds_without_a_common_step_still_draw():
    line = ChartLine(
        label="a",
        colour=0,
        series=((ChartPoint(1, math.nan), ChartPoint(2, 1.0)), (ChartPoint(3, 1.0),), (ChartPoint(1, math.nan),)),
    )
    assert "nan" not in line_chart([line], label="x")


@pytest.mark.parametrize("value", [0.0, 1e-9, 0.3, 5e11])
def test_a_line_that_is_zero_throughout_has_no_band(value):
    zero = ChartLine(label="a", colour=0, series=(tuple(ChartPoint(x, 0.0, 0.0, 0.4) for x in range(9)),))
    other = ChartLine(label="b", colour=1, series=(tuple(ChartPoint(x, value, 0.0, 2 * value) for x in range(9)),))
    root = ElementTree.fromstring(line_chart([zero, other], label="x"))
    bands = [path.get("class") for path in root.iter("path") if "band" in path.get("class")]
    assert bands == (["band f1"] if value else [])


def test_one_measured_point_has_a_whisker():
    line = ChartLine(label="a", colour=0, series=((ChartPoint(3, 0.5, 0.4, 0.6),),))
    root = ElementTree.fromstring(line_chart([line], label="x"))
    assert [path.get("class") for path in root.iter("path") if "whisker" in path.get("class")] == ["whisker s0"]


@given(st.lists(st.floats(), min_size=1, max_size=60))
def test_every_drawn_point_can_be_read_out_and_nothing_else_is_drawn(values):
    points = tuple(ChartPoint(x, value, value - 1, value + 1) for x, value in enumerate(values))
    svg = line_chart([ChartLine(label="a", colour=0, series=(points,))], label="x")
    known = [point for point in points if math.isfinite(point.y) and abs(point.y) < 1e290]
    if not known:
        assert svg == ""
        return
    [line] = [path for path in ElementTree.fromstring(svg).iter("path") if path.get("data-points")]
    told = [[float(part) for part in point.split(",")] for point in line.get("data-points").split(" ")]
    assert [point[:2] for point in told] == [[point.x, pytest.approx(point.y, rel=1e-3)] for point in known]
    assert len(line.get("d").split("L")) == len(told)
    assert "nan" not in svg
    assert "inf" not in svg


@given(st.lists(st.floats(-1, 1), min_size=0, max_size=2000))
def test_thinning_keeps_the_number_small_and_few_points_alone(values):
    points = [ChartPoint(index, value) for index, value in enumerate(values)]
    found = thin(points)
    assert len(found) <= MOST_POINTS
    if len(points) <= MOST_POINTS:
        assert [(point.x, point.y) for point in found] == [(point.x, point.y) for point in points]


def test_an_undefined_interval_has_no_mark():
    assert interval_mark(Interval(math.nan, 0, 1)) == ""
    assert "circle" in interval_mark(Interval(0.9, 0.5, 2.0))


@given(st.integers(2, 6), st.integers(2, 40), st.integers(0, 10**6))
def test_the_interval_never_claims_more_than_either_source_alone(seeds, problems, number):
    table = np.random.default_rng(number).integers(-1, 2, (seeds, problems)).astype(float)
    found = over_seeds_and_problems(table)
    assert found.estimate == pytest.approx(table.mean())
    between = mean_interval(table.mean(axis=1).tolist())
    if between.is_bounded:  # 1e-9: summation in another order
        assert found.low <= max(-1, between.low) + 1e-9
        assert found.high >= min(1, between.high) - 1e-9
    assert over_seeds_and_problems(-table).low == pytest.approx(-found.high)


def test_the_interval_covers_at_its_rate():
    """Over many made-up studies with seed, problem and residual effects, about 95 % of intervals hold the truth."""
    rng = np.random.default_rng(7)
    inside = 0
    for _ in range(1000):
        table = 0.3 + rng.normal(0, 0.04, (5, 1)) + rng.uniform(-0.3, 0.3, (1, 60)) + rng.uniform(-0.2, 0.2, (5, 60))
        found = over_seeds_and_problems(table)
        inside += found.low <= 0.3 <= found.high
    assert 930 <= inside <= 1000


def test_problems_alone_with_one_seed_and_nothing_without_problems():
    values = [0.0, 1.0, 0.0, 1.0, 1.0]
    found = over_seeds_and_problems(np.array([values]))
    alone = mean_difference(values)
    assert (found.low, found.high) == (alone.low, alone.high)
    assert math.isnan(over_seeds_and_problems(np.zeros((3, 1))).estimate)
    assert math.isnan(over_seeds([]).low)


def test_equal_seeds_do_not_make_problems_certain():
    one = Interval(0.2, 0.1, 0.3)
    assert over_seeds([one, one, one]).low < 0.1
    assert over_seeds([one]).low == pytest.approx(0.1)


def test_minus_adds_variances():
    found = minus(Interval(0.5, 0.47, 0.53), Interval(0.2, 0.16, 0.24))
    assert (found.estimate, found.low, found.high) == pytest.approx((0.3, 0.25, 0.35))
