from __future__ import annotations

import time
from fractions import Fraction

import pytest
import reference_countdown as reference
from hypothesis import example, given, settings
from hypothesis import strategies as st

from secondthought.tasks.countdown.verify import VERDICTS, verify

NUMBERS, TARGET = (3, 7, 12), 57


def tags(text):
    return f"<answer>{text}</answer>"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (" 3 * (7 + 12) ", "correct"),
        ("(12 + 7)\n* 3", "correct"),
        (r"\boxed{3 \times (7 + 12)}", "correct"),
        ("3 * (7 + 12) = 57", "malformed"),
        (r"3 \times (7 + 12)", "malformed"),
        ("3 * 7 + 12", "missed_target"),
        ("3 / (7 - 7) + 12", "wrong_numbers"),
        ("3 * 7 + 36", "wrong_numbers"),
        ("3 * 19", "wrong_numbers"),
        ("57", "wrong_numbers"),
        ("3 * (7 + 12) + 3 - 3", "wrong_numbers"),
        ("3.0 * (7 + 12)", "malformed"),
        ("- -3 * (7 + 12)", "malformed"),
        ("3 \u00d7 (7 + 12)", "malformed"),
        ("\uff13 * (7 + 12)", "malformed"),
        ("3 ** 7 + 12", "malformed"),
        ("12 // 7 + 3", "malformed"),
        ("", "malformed"),
    ],
)
def test_reasons(body, reason):
    verdict = verify(NUMBERS, TARGET, f"I think: {tags(body)} That is it.")
    assert verdict.reason == reason
    assert verdict in VERDICTS
    assert verdict.well_formed == (reason not in ("no_answer", "malformed"))


def test_no_answer():
    assert verify(NUMBERS, TARGET, "3 * (7 + 12)").reason == "no_answer"
    assert verify(NUMBERS, TARGET, r"\boxed{3 * (7 + 12)}").reason == "no_answer"
    assert verify(NUMBERS, TARGET, r"\boxed{3 * (7 + 12)}", "boxed").correct


def test_division_by_zero_misses():
    assert verify((5, 5, 1), 0, tags("1 / (5 - 5)")).reason == "missed_target"
    assert verify((5, 5, 1, 1), 0, tags("1 / (1 / (5 - 5))")).reason == "missed_target"


def test_fractions_on_the_way_are_exact():
    assert verify((3, 3, 8, 8), 24, tags("8 / (3 - 8 / 3)")).correct
    assert verify((1, 3, 3, 3), 1, tags("1 / 3 * 3 / 3")).reason == "missed_target"


def test_answer_equal_as_float_only_is_wrong():
    """3000001 / 3000000 rounds to 1 under a tolerance of 1e-5; exact arithmetic does not."""
    assert verify((300001, 300000), 1, tags("300001 / 300000")).reason == "missed_target"


EXPRESSIONS = st.recursive(
    st.sampled_from(["3", "7", "12", "2"]),
    lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]}{t[1]}{t[2]})"),
    max_leaves=4,
)


@settings(max_examples=300)
@given(EXPRESSIONS | st.text(alphabet="3712+-*/() =.", max_size=15), st.integers(0, 60))
@example("(3/(7-7))", 3)
@example("3*(7+12)", 57)
def test_agrees_with_the_oracle(body, target):
    parsed = reference.evaluate(body)
    if parsed is None:
        expected = "malformed"
    elif sorted(parsed[0]) != sorted(NUMBERS):
        expected = "wrong_numbers"
    else:
        expected = "correct" if parsed[1] == Fraction(target) else "missed_target"
    assert verify(NUMBERS, target, tags(body)).reason == expected


def test_thirty_thousand_a_second():
    text = "I add the two small numbers first, since their sum is a factor of the target. " * 8 + tags("(7 + 12) * 3")
    start = time.process_time()
    for _ in range(6000):
        verify(NUMBERS, TARGET, text)
    assert 6000 / (time.process_time() - start) > 30_000
