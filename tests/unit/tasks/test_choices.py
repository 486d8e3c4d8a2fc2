"""Questions with lettered options: which letter is read, which rows are taken, and what the checks say."""

from __future__ import annotations

import json
import time

import pytest

from secondthought.errors import TaskError
from secondthought.tasks import load
from secondthought.tasks.checks import run_checks
from secondthought.tasks.hellaswag import plain
from secondthought.tasks.rows.choice_task import LETTERS, said_letter

PRO = {
    "question": "Which is a noble gas?",
    "options": ["iron", "neon", "water"],
    "answer": "B",
    "category": "chemistry",
}
SWAG = {
    "activity_label": "Baking",
    "ctx_a": "A woman mixes flour.",
    "ctx_b": "she",
    "endings": ["sings.", "bakes it.", "leaves.", "flies."],
    "label": "1",
}
ROWS = {
    "mmlu_pro": [{**PRO, "question": f"Which of {n}?", "answer": "ABC"[n % 3]} for n in range(120)],
    "hellaswag": [{**SWAG, "ctx_a": f"Number {n}.", "label": str(n % 4)} for n in range(120)],
}


@pytest.mark.parametrize(
    ("text", "letter", "without"),
    [
        ("The answer is (C). Or the answer is (D).", "C", "C"),
        ("the answer is D, not A", "D", "D"),
        ("Answer: B then answer: C\nAnswer: D", "C", "C"),
        ("A or B, so I think", "I", None),
        ("it is b", None, None),
        ("AB and CD", None, None),
        ("", None, None),
    ],
)
def test_the_letter_that_a_text_settles_on(text, letter, without):
    assert said_letter(text) == letter
    assert said_letter(text, last_alone=False) == without


@pytest.mark.parametrize("part", ["answer: ", "answer:" + " " * 50, "answer is (", "A ", "answer is (answer:\n"])
def test_it_is_read_in_linear_time(part):
    began = time.process_time()
    said_letter(part * (400_000 // len(part)))
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("place", ["tags", "box", "end"])
@pytest.mark.parametrize("name", ROWS)
def test_all_checks_pass(name, place, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS[name])))
    options = {"files": [str(path)], "answer_in": place}
    assert {
        item.check: item.status for item in run_checks(lambda: load(name, options), 20) if item.status != "passed"
    } == {}
    assert load(name, options).chance_level == pytest.approx(1 / 3 if name == "mmlu_pro" else 1 / 4)


def test_a_place_holds_a_letter_of_the_problem_or_no_answer():
    task = load("mmlu_pro")
    problem = task.parse(PRO)
    assert task.verify(problem, "<answer> (B) </answer>").correct
    assert task.verify(problem, "<answer>A</answer>").reason == "wrong"
    for text in ("B", "<answer>D</answer>", "<answer>neon</answer>", f"<answer>{'B ' * 200}</answer>"):
        assert task.verify(problem, text).reason == "no_answer"


def test_an_mmlu_pro_problem_shows_its_subject_and_every_option():
    request = load("mmlu_pro").parse(PRO).request
    assert "about chemistry" in request
    assert "A. iron\nB. neon\nC. water\n" in request


def test_hellaswag_reads_rows_of_the_set_and_of_frozen_requests():
    task = load("hellaswag")
    found = task.parse(SWAG)
    assert "Baking: A woman mixes flour. She\nA. sings.\nB. bakes it.\n" in found.request
    query = "Baking: A woman mixes flour. She"
    listed = "".join(f"\n {letter}. {text}" for letter, text in zip(LETTERS, SWAG["endings"], strict=False))
    for doc in (
        {"query": query, "choices": SWAG["endings"], "gold": 1},
        {"query": f"{query} \nChoose the best continuation:{listed}\nAnswer:", "choices": list("ABCD"), "gold": 1},
    ):
        assert task.parse({"doc": doc}) == found


def test_a_row_whose_label_is_kept_secret_is_left_out(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, [*ROWS["hellaswag"], {**SWAG, "label": ""}])))
    task = load("hellaswag", {"files": [str(path)]})
    assert sum(task.held(split) for split in ("train", "validation", "test")) == 120


@pytest.mark.parametrize(
    ("name", "row", "said"),
    [
        ("mmlu_pro", {**PRO, "answer": "D"}, "'answer' must be the letter of an option"),
        ("mmlu_pro", {**PRO, "answer": 1}, "'answer' must be a text"),
        ("mmlu_pro", {**PRO, "options": "A. iron"}, "'options' must be a list of texts"),
        ("mmlu_pro", {**PRO, "options": list("abcdefghijk")}, "holds 11 options"),
        ("hellaswag", {**SWAG, "label": "4"}, "the place of an ending"),
        ("hellaswag", {**SWAG, "label": -1}, "the place of an ending"),
        ("hellaswag", {"ctx_a": "a"}, "'ctx_b' is missing"),
    ],
)
def test_damaged_rows_are_told(name, row, said):
    with pytest.raises(TaskError, match=said):
        load(name).parse(row)


def test_marks_of_the_source_are_taken_out():
    assert plain(" [header] How to cook [step] Wash  it. [title] Dry it.") == "How to cook Wash it.. Dry it."
