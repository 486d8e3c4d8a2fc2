from __future__ import annotations

import pytest

from secondthought.tasks import extract
from secondthought.tasks.extract import answer


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("", None),
        ("1 + 2", None),
        ("<answer>1", None),
        ("1</answer>", None),
        ("</answer>1<answer>", None),
        ("<ANSWER>1</ANSWER>", None),
        ("<answer>1</answer>", "1"),
        ("<answer></answer>", ""),
        ("<answer>1</answer><answer>2</answer>", "2"),
        ("<answer>1</answer> <answer>2", "1"),
        ("<answer>1</answer> 2</answer>", "1"),
        ("<answer>1 <answer>2</answer>", "2"),
        ("<answer>1\n+ 2</answer>\nDone.", "1\n+ 2"),
    ],
)
def test_last_closed_tag_wins(text, body):
    assert extract.tagged(text) == body


@pytest.mark.parametrize(
    ("text", "body"),
    [
        (r"\boxed{1}", "1"),
        (r"\boxed{1} \boxed{2}", "2"),
        (r"\boxed{1} \boxed{2", "1"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{\boxed{1}}", "1"),
        (r"\boxed 1", None),
        (r"\boxed{", None),
        (r"\boxed{1} " + r"\boxed{" * (extract.MAX_BOXES + 1), None),
        (r"\boxed{" + "1" * extract.MAX_BOX + "}", None),
    ],
)
def test_last_balanced_box_wins(text, body):
    assert extract.boxed(text) == body


def test_box_counts_inside_tags_or_where_asked_for():
    assert answer(r"<answer>so \boxed{1}</answer>") == ("1", True)
    assert answer(r"\boxed{1}") is None
    assert answer(r"\boxed{1}", bare_box=True) == ("1", True)
    assert answer(r"\boxed{1} <answer>2</answer>", bare_box=True) == ("2", False)
    assert answer(r"<answer>2</answer> \boxed{1}") == ("2", False)
    assert answer(r"<answer>\boxed{2</answer>") == (r"\boxed{2", False)
