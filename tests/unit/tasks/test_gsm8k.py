"""GSM8K: where the number is read, what a row may hold."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

from secondthought.cli import main
from secondthought.errors import TaskError
from secondthought.tasks import load
from secondthought.tasks.gsm8k import final_number

ROW = {"question": "How much is it?", "answer": "It is 6 * 3 = <<6*3=18>>18.\n#### 1,218"}


@pytest.mark.parametrize(
    ("place", "right", "wrong", "unread"),
    [
        (
            "tags",
            ["<answer>1218</answer>", "<answer> $1,218.00 </answer> 3"],
            ["<answer>1219</answer>"],
            ["1218", "<answer></answer>"],
        ),
        ("box", [r"so \boxed{1218}"], [r"\boxed{-1218}"], ["<answer>1218</answer>"]),
        (
            "end",
            ["It is 1218.", "#### 1218", r"\boxed{1218} of 3", "<answer>1218</answer> 3"],
            ["1218 of 3", "12 18"],
            ["none"],
        ),
    ],
)
def test_the_last_number_in_the_answers_place_is_judged(place, right, wrong, unread):
    task = load("gsm8k", {"answer_in": place})
    problem = task.parse(ROW)
    assert all(task.verify(problem, text).correct for text in right)
    assert [task.verify(problem, text).reason for text in wrong] == ["wrong"] * len(wrong)
    assert [task.verify(problem, text).reason for text in unread] == ["no_answer"] * len(unread)
    assert task.verify(problem, task.gold(problem)).correct


def test_rows_hold_a_solution_or_a_number():
    task = load("gsm8k")
    wanted = {task.parse({"question": "q", "answer": answer}).data["answer"] for answer in ("#### 18", "18", 18, 18.0)}
    assert wanted == {"18"}
    assert task.parse({"question": "q", "ground_truth": "A: 18"}).data["answer"] == "18"
    for answer in (None, True, "none", ["18"]):
        with pytest.raises(TaskError, match="'answer'"):
            task.parse({"question": "q", "answer": answer})


def test_a_mark_decides_over_what_follows_it():
    assert final_number("#### 7\n8 is what I had before").value == Fraction(7)
    assert final_number("#### seven, so 8\n9").value == Fraction(8)


def test_one_file_may_be_named_without_brackets(tmp_path):
    rows = [{"question": f"What is {n} plus one?", "answer": f"{n} + 1\n#### {n + 1}"} for n in range(60)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert not main(["tasks", "check", "gsm8k", "--options.files", str(tmp_path / "a.jsonl"), "--count", "2"])
    assert load("gsm8k", {"files": str(tmp_path / "a.jsonl")}).options.files == (str(tmp_path / "a.jsonl"),)
