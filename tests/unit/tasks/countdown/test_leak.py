from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import assert_in_proportion

from secondthought.tasks.countdown import solver
from secondthought.tasks.countdown.leak import leak

NUMBERS, TARGET = (3, 7, 12), 57
"""Solved by 3 * (7 + 12) and by nothing else."""


def test_the_example_has_one_solution():
    assert solver.solutions(NUMBERS, TARGET) == ("3 * (7 + 12)",)
    assert solver.first_steps(NUMBERS, TARGET) == {(7, "+", 12)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "none"),
        ("I used 7 twice. Be careful with the 12.", "none"),
        ("Try 3 * (7 + 12).", "solution"),
        ("The answer is (12+7)*3 = 57", "solution"),
        ("1. (12 + 7) x 3", "solution"),
        ("so ((3 * (7 + 12))) it is", "solution"),
        ("First 7 + 12 = 19, then 19 * 3 = 57.", "solution"),
        ("7 plus 12 is 19, and 3 times 19 is 57", "solution"),
        ("Start with 7 + 12.", "first_step"),
        ("Start with 12 + 7.", "first_step"),
        ("add 7 and 12 first", "first_step"),
        ("Adding 12 to 7 gives 19", "first_step"),
        ("(7 + 12) / 3 is too small", "first_step"),
        ("3 * 7 + 12 is 33", "none"),
        ("12 + 7 * 3 is 33", "none"),
        ("3 - 7 + 12 is 8", "none"),
        ("12 - 7 is 5", "none"),
        ("multiply 3 by 7", "none"),
        ("3 * (7 + 12", "first_step"),
        ("7 and 12", "none"),
        ("2024-7 + 12", "none"),
    ],
)
def test_leak(text, expected):
    assert leak(NUMBERS, TARGET, text) == expected


def test_words_for_minus_and_division():
    assert leak((2, 5, 9), 2, "subtract 5 from 9") == "first_step"
    assert leak((2, 5, 9), 2, "subtract 9 from 5") == "none"
    assert leak((3, 12, 20), 24, "divide 12 by 3") == "first_step"
    assert leak((3, 12, 20), 24, "12 divided by 3, and 20 plus 4") == "solution"
    assert leak((3, 12, 20), 24, r"$12 \div 3$") == "first_step"


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(1, 20), min_size=3, max_size=4).map(tuple), st.integers(1, 60))
def test_finds_each_solution_and_each_first_step(numbers, target):
    for text in solver.solutions(numbers, target):
        assert leak(numbers, target, f"It is {text}, of course.") == "solution"
    for a, operator, b in solver.first_steps(numbers, target):
        assert leak(numbers, target, f"Begin with {a} {operator} {b}.") == "first_step"
    for a, operator, b in solver.dead_steps(numbers, target):
        assert leak(numbers, target, f"Begin with {a} {operator} {b}.") == "none"


@settings(max_examples=200)
@given(st.text(alphabet="3712+-*/() x.=,", max_size=60))
def test_total(text):
    assert leak(NUMBERS, TARGET, text) in ("solution", "first_step", "none")


@pytest.mark.parametrize("unit", ["(", "1+", "7 + 12 ", "(3", "x", "9", " ", "3 x ", "add 1 and 2 ", "\0", "7)"])
def test_quick_on_hostile_text(unit):
    assert_in_proportion(lambda text: leak(NUMBERS, TARGET, text), lambda copies: unit * copies, size=12_500)
