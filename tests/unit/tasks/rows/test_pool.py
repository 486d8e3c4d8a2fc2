"""Rows dealt out to splits: each question once and in one split, however it is worded and wherever it stands."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.errors import TaskError
from secondthought.tasks import load
from secondthought.tasks.checks import run_checks
from secondthought.tasks.rows.pool import asked
from secondthought.types import SPLITS, Message, Problem


@pytest.fixture
def file(tmp_path):
    def write(name, rows):
        path = tmp_path / name
        path.write_text("\n".join(json.dumps(row) for row in rows))
        return str(path)

    return write


def rows(*numbers):
    return [
        {"question": f"What is {number} and 1?", "answer": f"It is {number} + 1.\n#### {number + 1}"}
        for number in numbers
    ]


def ids(task, split):
    return {problem.id for problem in task.problems(split, task.held(split), 0)}


def test_shares_deal_out_one_file(file):
    task = load("gsm8k", {"files": [file("a.jsonl", rows(*range(400)))], "test_percent": 30})
    held = [task.held(split) for split in SPLITS]
    assert sum(held) == 400
    assert 90 < held[2] < 150
    assert 5 < held[1] < 40


def test_files_of_the_test_split_are_it_and_hold_their_questions_alone(file):
    task = load(
        "gsm8k", {"files": [file("a.jsonl", rows(*range(100)))], "test_files": [file("b.jsonl", rows(*range(90, 120)))]}
    )
    assert task.held("test") == 30
    assert task.held("train") + task.held("validation") == 90
    assert task.pool.repeated == 10
    assert not ids(task, "test") & (ids(task, "train") | ids(task, "validation"))


def test_a_problem_is_in_one_split_however_it_is_asked(file):
    path = file("a.jsonl", rows(*range(200)))
    for place in ("box", "end"):
        assert ids(load("gsm8k", {"files": [path], "answer_in": place}), "test") == ids(
            load("gsm8k", {"files": [path]}), "test"
        )


def test_order_and_spacing_change_nothing(file):
    spaced = [{**row, "question": row["question"].replace(" ", "  ")} for row in rows(*range(50))]
    one = load("gsm8k", {"files": [file("a.jsonl", rows(*range(50)))]})
    other = load("gsm8k", {"files": [file("b.jsonl", [*reversed(rows(*range(50))), *spaced])]})
    assert other.pool.repeated + other.pool.contradicted >= 50
    assert {split: other.held(split) for split in SPLITS} == {split: one.held(split) for split in SPLITS}


def test_a_question_with_two_answers_is_no_problem(file):
    wrong = {"question": "What is 3 and 1?", "answer": "#### 5"}
    task = load("gsm8k", {"files": [file("a.jsonl", [*rows(*range(50)), wrong, wrong])]})
    assert task.pool.contradicted == 3
    assert sum(task.held(split) for split in SPLITS) == 49
    assert not any("What is 3 and" in p.request for s in SPLITS for p in task.problems(s, task.held(s), 0))


def test_a_damaged_row_is_told_with_its_place_when_the_task_is_made(file):
    path = file("a.jsonl", [*rows(1), {"question": "What?", "answer": "none"}])
    with pytest.raises(TaskError, match=rf"{path}, line 2: gsm8k problem: 'answer' ends in no number"):
        load("gsm8k", {"files": [path]})


def test_more_problems_than_there_are_and_none_at_all_are_told(file):
    path = file("a.jsonl", rows(*range(20)))
    with pytest.raises(TaskError, match=rf"{path}: the test split holds \d problems, not 900"):
        load("gsm8k", {"files": [path]}).problems("test", 900, 0)
    with pytest.raises(TaskError, match="holds no rows of its own; give its files"):
        load("gsm8k").problems("train", 1, 0)


def test_all_checks_pass(file):
    path = file("a.jsonl", rows(*range(300)))
    assert {item.status for item in run_checks(lambda: load("gsm8k", {"files": [path]}), 20)} == {"passed"}


@given(st.text(), st.sampled_from([" ", "\n", "  ", "\t "]))
def test_what_is_asked_does_not_depend_on_blanks(text, blank):
    one, other = (
        Problem(id="a", task="t", messages=(Message(role="user", content=said),), data={})
        for said in (text, f"{blank}{text.replace(' ', blank)}{blank}")
    )
    assert asked(one) == asked(other)
