from __future__ import annotations

from fractions import Fraction

import pytest
import reference_countdown as reference
from hypothesis import example, given, settings
from hypothesis import strategies as st

from secondthought.tasks import expressions
from secondthought.tasks.expressions import MalformedError, parse


def built(children):
    return st.tuples(children, st.sampled_from("+-*/"), children).map(lambda t: f"({t[0]} {t[1]} {t[2]})")


EXPRESSIONS = st.recursive(st.integers(0, 200).map(str), built, max_leaves=8)
FRAGMENTS = st.lists(
    st.sampled_from(["1", "0", "23", "+", "-", "*", "/", "(", ")", " ", "\n", "**", "//", "007"]), max_size=12
).map("".join)


@settings(max_examples=300)
@given(EXPRESSIONS | FRAGMENTS)
@example("1 / (1 / 0)")
@example("1 - 2 - 3")
@example("8 / 4 / 2")
@example("2 - 3 * 4")
@example("1 2")
@example("")
def test_agrees_with_pythons_own_parser(text):
    expected = reference.evaluate(text)
    try:
        found = parse(text)
    except MalformedError:
        found = None
    assert (found is None) == (expected is None)
    if found is not None:
        assert (found.numbers, found.value) == expected


@pytest.mark.parametrize(
    "text",
    [
        "-1",
        "+1",
        "1.5",
        "2**3",
        "7//2",
        "1 = 1",
        "x",
        "1e3",
        "1_000",
        "0x1",
        "01",
        "()",
        "(1",
        "1)",
        "1 +",
        "2(3)",
        "\u0661",
        "1 \u00d7 2",
        "1\u00a0+ 2",
        "1\u2212 1",
        r"1 \times 2",
        "1 ^ 2",
        "1,000",
        "1;2",
        "9" * 10,
        "$1$",
        "1\x00",
    ],
)
def test_refuses(text):
    with pytest.raises(MalformedError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"2 \times 3", Fraction(6)),
        (r"7 \div 2", Fraction(7, 2)),
        (r"\frac{1 + 2}{4}", Fraction(3, 4)),
        (r"\dfrac{\frac{1}{2}}{3} \cdot 6", Fraction(1)),
        (r"\left(1 + 2\right) \times 3", Fraction(9)),
        (r"2 - \frac{3}{4} - 1", Fraction(1, 4)),
        (r"8 / \frac{4}{2}", Fraction(4)),
        ("1 + 2", Fraction(3)),
    ],
)
def test_latex(text, value):
    assert parse(text, latex=True).value == value


@pytest.mark.parametrize(
    "text",
    [
        r"\frac12",
        r"\frac{1}",
        r"\frac{1}{2",
        r"\frac{(1}{2)}",
        r"{1}",
        r"1}",
        r"\left 1",
        r"\sqrt{4}",
        r"\frac",
        "\\",
        r"\left(1",
        r"(1\right",
        r"(1\frac{)}{2}",
        r"\frac{}{1}",
        r"\left)1",
        r"1 \times",
    ],
)
def test_refuses_latex(text):
    with pytest.raises(MalformedError):
        parse(text, latex=True)


def test_limits():
    deep = expressions.MAX_DEPTH
    assert parse("(" * deep + "1" + ")" * deep).value == 1
    with pytest.raises(MalformedError, match="deeply"):
        parse("(" * (deep + 1) + "1" + ")" * (deep + 1))
    assert parse(" " * 5000 + "1" + "\n" * 5000).value == 1
    with pytest.raises(MalformedError, match="long"):
        parse("1+" * 600 + "1")


def test_numbers_keep_their_order():
    assert parse("7 * (3 - 12)").numbers == [7, 3, 12]
    assert parse("7 * (3 - 12)").postfix == (7, 3, 12, "-", "*")
