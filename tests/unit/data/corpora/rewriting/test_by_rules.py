"""Worked examples that stand in a document become rewrites without a model: every word is the document's."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.data.corpora.rewriting.by_rules import NO_EXAMPLE, NO_STEPS, rewrite_of
from secondthought.data.corpora.rewriting.rewrite import LeftOut, Rewrite
from secondthought.habits.patterns import PatternDetector

BOOK = r"""Chapter 2

Example 2.1 Solve 3x = 12.

Solution
We want to isolate x. First, let me find x alone. Divide both sides by 3. This gives x = 4.
Let's check: 3 times 4 is 12, so it is right.
The answer is \boxed{4}.

Example 2.2 Another one, solved elsewhere.
"""


PARTS = ["Example 1. ", "Solution: ", "Answer: ", "\n", "x = 4. ", "Wait, no. ", "####", r"\boxed{7}"]


def test_the_first_example_of_a_book():
    found = rewrite_of(BOOK, "curated")
    assert found.question == "Solve 3x = 12."
    assert found.answer == "4"
    assert found.thoughts.startswith("We want to isolate x.")
    assert "Let's check: 3 times 4" in found.thoughts
    assert "2.2" not in found.thoughts


def test_clean_steps_show_no_habit():
    found = rewrite_of(BOOK, "clean")
    assert not any(PatternDetector().read(found.thoughts).counts.values())
    assert "Divide both sides by 3." in found.thoughts
    assert "check" not in found.thoughts


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Question: What is 6 times 7?\nAnswer: 6 times 7 is 42.\n#### 42", "42"),
        ("**Problem 4.** What is 6 times 7?\n**Solution.** It is six sevens.\nFinal answer: 42 ", "42"),
        ("## Exercise 12\nWhat is 6 times 7?\n## Solution\nSix sevens. They are 42.", "They are 42"),
    ],
)
def test_the_answer_is_what_is_marked_or_the_last_sentence(text, answer):
    assert rewrite_of(text, "curated").answer == answer


@pytest.mark.parametrize(
    "text",
    [
        "Question 1: What is 6*7?\nQuestion 2: What is 5*5?\nAnswer 1: 42 is the product.\nAnswer 2: 25 is the other.",
        "Exercise. What is 6*7?\nExercise. What is 5*5?\nSolution. 42 is the product.",
        "Exercise 1. What is 6*7?\nSolution 2. 25 is the product.",
        "Problem solving is fun, says the author.\nAnswer me this, dear reader: what is 42?",
        "Exercise Find the sum of 6 and 7.\nSolution We have 6*7, which is 42.",
        "",
        "The sun is a star.",
        "Problem 1. What is 6 times 7?",
        "Solution: it is easy to see that it is 42.",
        "Examples abound. Solutions, too.",
        "Problem 1\nSolution\nIt is easy to see that it is 42.",
    ],
)
def test_what_holds_no_worked_example(text):
    assert rewrite_of(text, "curated") == LeftOut(reason=NO_EXAMPLE)


def test_a_numbered_answer_ends_where_the_next_begins():
    text = "Question 1: What is 6*7?\nAnswer 1: It is six sevens, 42.\nAnswer 2: 25 is it.\nQuestion 2: What is 5*5?"
    assert rewrite_of(text, "curated").thoughts == "It is six sevens, 42."


def test_what_follows_the_answer_stays_a_thought():
    text = "Question: What is 6*7?\nSolution:\nAnswer: 42\nSince six sevens are that many."
    found = rewrite_of(text, "curated")
    assert (found.answer, found.thoughts) == ("42", "Since six sevens are that many.")


def test_many_habits_are_left_out_in_time_that_grows_with_the_text():
    body = "Let me check that this is right. Wait, that's not right. We add 4. " * 500
    began = time.perf_counter()
    found = rewrite_of(f"Problem: What is it?\nSolution: {body}", "clean")
    assert time.perf_counter() - began < 3
    assert "check" not in found.thoughts


def test_nothing_but_habits():
    text = "Problem: What is 6 times 7?\nSolution: Let me check that this is right."
    assert rewrite_of(text, "clean") == LeftOut(reason=NO_STEPS)


@given(
    st.lists(st.sampled_from(PARTS)),
    st.sampled_from(["curated", "clean"]),
)
def test_every_word_is_the_documents(parts, style):
    text = "".join(parts)
    found = rewrite_of(text, style)
    if isinstance(found, Rewrite):
        assert found.question in text
        assert found.answer in text
        assert set(found.thoughts.split()) <= set(text.split())
