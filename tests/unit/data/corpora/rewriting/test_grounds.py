"""What a rewrite says must stand in the document: its answer, the numbers of its question, its language."""

import pytest

from secondthought.data.corpora.rewriting.grounds import invented_number, shares_text, stands_in

DOCUMENT = r"""Example 3. Solve \(2x - 7 = 1{,}993\). Adding seven gives $2x = 2,000$, so x = 1000. I first
got x = -1000, which is wrong. The ratio is \boxed{\frac{3}{4}}, or 0.75. The capital is Paris."""


@pytest.mark.parametrize(
    "answer", ["x = 1000", "1000", "-1000", "$2x = 2000$", r"\frac{3}{4}", "0.75", "paris.", "Paris"]
)
def test_what_stands_there_is_found_whatever_is_around_it(answer):
    assert stands_in(answer, DOCUMENT)


@pytest.mark.parametrize("answer", ["100", "x = 100", "0.7", "75", "par", "12", "", "$", ".", "-2000"])
def test_a_part_of_what_stands_there_is_not(answer):
    assert not stands_in(answer, DOCUMENT)


def test_marks_and_blanks_around_parts_do_not_matter():
    assert stands_in("x = 4", "So x = **$4$** holds.")
    assert stands_in("12 apples", "**12** *apples*")
    assert stands_in("4 cm", r"$4 \, \text{cm}$")
    assert not stands_in("5", "x = 3,5")


def test_numbers_of_steps_are_not_looked_for():
    assert invented_number("1. Add 4.\nStep 2: Add 4.\n3) Add 4.", "4") is None
    assert invented_number("Add 9.", "4") == "9"


def test_numbers_in_figures_and_words():
    assert invented_number("Solve 2x - 7 = 1,993.", "Solve 2x - 7 = 1993.") is None
    assert invented_number("What are 3 and 12?", "three and TWELVE") is None
    assert invented_number("What are 3 and 13?", "three and thirteen") == "13"
    assert invented_number("What is it?", "") is None


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("What is x, if two times x minus seven is 1993?", True),
        ("Was ist x, wenn das Doppelte von x um sieben gemindert 1993 ergibt?", False),
        ("如果 2x 减去 7 等于 1993 那么 x 是多少 首先两边加上七得到结果。", False),
        ("Чему равно x, если дважды x минус семь равно 1993?", False),
        ("2x-7=1993", True),
    ],
)
def test_another_language_is_told_by_its_letters(text, own):
    document = "Find x. Twice x minus seven is 1993. Two times x is what we have when we add seven: x is 1000."
    assert shares_text(text, document) is own
