from __future__ import annotations

import json

import pytest

from secondthought.errors import TaskError
from secondthought.tasks import load
from secondthought.tasks.jsonl_task import last_number, normalise


def written(tmp_path, rows, name="questions.jsonl"):
    path = tmp_path / name
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)


ROWS = [{"question": f"What is {n} + 1?", "answer": n + 1} for n in range(200)]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([ROWS[0], "{"], "line 2: is not JSON"),
        ([ROWS[0], "", {"question": "Why?"}], "line 3: jsonl problem: 'answer' must be"),
        ([{"answer": "1"}], "line 1: jsonl problem: field 'question' is missing"),
        ([{"question": "Why?", "answer": True}], "'answer' must be a text or a number"),
        ([{"question": "Why?", "answer": " "}], "'answer' is empty"),
        ([], "holds no questions"),
    ],
)
def test_errors_name_file_and_line(tmp_path, rows, sentence):
    with pytest.raises(TaskError, match=f"questions.jsonl.*{sentence}"):
        load(written(tmp_path, rows))


def test_splits_survive_reordering_and_growth(tmp_path):
    small = load(written(tmp_path, ROWS[:150], "a.jsonl"))
    large = load(written(tmp_path, ROWS[::-1], "b.jsonl"))
    held = {split: {p.id for p in large.problems(split, n, 0)} for split, n in (("train", 120), ("test", 10))}
    assert not held["train"] & held["test"]
    assert all(p.id not in held["train"] for p in small.problems("test", 10, 1))
    with pytest.raises(TaskError, match="the train split holds"):
        small.problems("train", 151, 0)


def test_duplicates_count_once(tmp_path):
    task = load(written(tmp_path, [ROWS[0]] * 3 + ROWS))
    assert len({p.id for p in task.problems("train", 120, 0)}) == 120


def test_exact_and_last_number(tmp_path):
    row = {"q": "How much?", "a": "She pays 3 * 400.\n#### 1,200"}
    fields = {"question": "q", "answer": "a"}
    exact = load(written(tmp_path, [row]), fields)
    problem = exact.parse(row)
    assert exact.gold(problem) == "<answer> 1,200 </answer>"
    assert exact.verify(problem, "<answer>$1200.</answer>").correct
    assert exact.verify(problem, r"\boxed{1200}").correct
    assert exact.verify(problem, "it is 1200").reason == "no_answer"
    assert exact.verify(problem, "<answer>1201</answer>").reason == "wrong"
    numbers = load(written(tmp_path, [row]), {**fields, "match": "last_number"})
    assert numbers.verify(problem, "3 times 400 is 1200.0").correct
    assert numbers.verify(problem, "1200, no, 1300").reason == "wrong"
    assert numbers.verify(problem, "no idea").reason == "no_answer"


def test_last_number_needs_a_number(tmp_path):
    path = written(tmp_path, [{"question": "Who?", "answer": "Ada"}])
    assert load(path)
    with pytest.raises(TaskError, match="line 1: the answer holds no number"):
        load(path, {"match": "last_number"})


@pytest.mark.parametrize(
    ("text", "number"),
    [("", None), ("x", None), ("-3", "-3"), ("a 1,000,000 b", "1000000"), ("1.5 and 2.25.", "2.25"), ("3-4", "4")],
)
def test_last_number(text, number):
    found = last_number(text)
    assert (None if found is None else str(found)) == number


def test_normalise():
    assert normalise(" The  Moon. ") == normalise("the moon")
    assert normalise("1,000") == normalise("$1000")
    assert normalise("a, b") == "a, b"


def test_half_a_character_in_a_row_is_replaced_and_the_gold_is_what_a_model_can_write(tmp_path):
    task = load(written(tmp_path, [{"question": f"{n} \ud83d", "answer": f"{n} \udc00"} for n in range(40)]))
    problem = task.problems("train", 1, 0)[0]
    assert "\ufffd" in problem.messages[0].content
    assert "\ufffd" in task.gold(problem)
    assert task.verify(problem, task.gold(problem)).correct
    assert task.parse(json.loads(json.dumps(dict(problem.data)))) == problem
