"""Reflections of the oracle: what they diagnose, and that the step they name leads where it should."""

import re
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.tasks.countdown import reflections
from secondthought.tasks.countdown.leak import leak
from secondthought.tasks.countdown.verify import verify

NUMBERS = st.lists(st.integers(1, 12), min_size=2, max_size=4).map(tuple)
STEP = re.compile(r"Start with (\d+)([-+*/])(\d+)\.$")


def values(numbers: list[Fraction]) -> set[Fraction]:
    """Everything that the numbers can make, by the most obvious search."""
    if len(numbers) == 1:
        return {numbers[0]}
    found: set[Fraction] = set()
    for a, b, *rest in permutations(numbers):
        for result in (a + b, a - b, a * b, *([a / b] if b else [])):
            found |= values([result, *rest])
    return found


def reachable_after(numbers: tuple[int, ...], reflection: str) -> set[Fraction]:
    """What the numbers can make once the named step has been taken."""
    match = STEP.search(reflection)
    assert match, reflection
    a, sign, b = Fraction(match[1]), match[2], Fraction(match[3])
    rest = [Fraction(number) for number in numbers]
    rest.remove(a)
    rest.remove(b)
    result = a + b if sign == "+" else a - b if sign == "-" else a * b if sign == "*" else a / b
    return values([result, *rest])


@given(numbers=NUMBERS, target=st.integers(1, 60))
def test_oracle_names_a_step_that_can_reach_the_target_and_contrary_one_that_cannot(numbers, target):
    oracle = reflections.oracle_reflection(numbers, target, "")
    contrary = reflections.contrary_reflection(numbers, target, "")
    assert (oracle is not None) == (target in values([Fraction(number) for number in numbers]))
    if oracle is not None:
        assert target in reachable_after(numbers, oracle)
        if len(numbers) > 2:
            assert leak(numbers, target, oracle) == "first_step"
    if contrary is not None:
        assert target not in reachable_after(numbers, contrary)
        assert leak(numbers, target, contrary) == "none"


@pytest.mark.parametrize(
    ("attempt", "kind", "text"),
    [
        ("", "unreadable", "I gave no clear answer."),
        ("<answer>8*</answer>", "unreadable", "I gave no clear answer."),
        ("<answer>8*3+11</answer>", "foreign", "There is no 11."),
        ("8*3=24,24+8=32<answer>8*3+8</answer>", "reused", "I used 8 twice."),
        ("<answer>8+8+8</answer>", "reused", "I used 8 too often."),
        ("<answer> 8 * 3 </answer>", "left_out", "I left out 7."),
        ("8*3=25,25+7=32<answer>8*3+7</answer>", "slip", "8*3 is 24, not 25."),
        ("8 * 3 = 24, 24 + 7 = 32 <answer>8 * 3 + 7</answer>", "slip", "24+7 is 31, not 32."),
        ("8*3=24,24+7=31<answer>8*3+7</answer>", "missed", "I got 31, not 32."),
        ("<answer>8/7+3</answer>", "missed", "I got 29/7, not 32."),
        ("<answer>8/(3-3+7-7)</answer>", "reused", "I used 3 twice."),
    ],
)
def test_diagnosis_of_each_kind_of_failure(attempt, kind, text):
    found = reflections.diagnose((3, 7, 8), 32, attempt)
    assert found is not None
    assert (found.kind, found.text) == (kind, text)


def test_division_by_zero_is_named():
    found = reflections.diagnose((3, 3, 8), 24, "<answer>8/(3-3)</answer>")
    assert found is not None
    assert found.text == "I divided by 0."


def test_a_part_of_a_longer_expression_is_no_step_of_its_own():
    found = reflections.diagnose((2, 3, 4), 20, "2 + 3 * 4 = 14 and 2*3*4=24 <answer>2+3*4</answer>")
    assert found is not None
    assert found.kind == "missed"


@given(
    numbers=st.lists(st.integers(1, 9), min_size=3, max_size=3).map(tuple),
    signs=st.tuples(st.sampled_from("+-*/"), st.sampled_from("+-*/")),
    order=st.permutations(range(3)),
    target=st.integers(1, 30),
)
def test_only_right_attempts_have_nothing_to_diagnose(numbers, signs, order, target):
    a, b, c = (numbers[i] for i in order)
    attempt = f"<answer>({a}{signs[0]}{b}){signs[1]}{c}</answer>"
    assert (reflections.diagnose(numbers, target, attempt) is None) == verify(numbers, target, attempt).correct


@given(attempt=st.text(max_size=200))
def test_any_text_gets_a_diagnosis(attempt):
    assert reflections.diagnose((3, 7, 8), 32, attempt) is not None


@pytest.mark.parametrize("attempt", ["1*" * 100_000, "<answer>" + "(" * 100_000 + "</answer>", "9" * 1_000_000 + "=1"])
def test_huge_text_gets_a_diagnosis(attempt):
    assert reflections.diagnose((3, 7, 8), 32, attempt) is not None


def test_the_general_reflection_names_no_number():
    assert not re.search(r"\d", reflections.general_reflection())


def test_the_oracle_prefers_whole_results():
    # 24 = 3 * 8 in many ways; a step like 3-8 or 3/8 would also lead on, and reads badly.
    text = reflections.oracle_reflection((1, 3, 8), 24, "")
    assert text is not None
    assert STEP.search(text)[0] in {"Start with 8*3.", "Start with 8*1.", "Start with 8/1.", "Start with 3*1."}
