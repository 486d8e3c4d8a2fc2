from __future__ import annotations

import json

import pytest

from secondthought.errors import TaskError
from secondthought.tasks import load
from secondthought.tasks.checks import run_checks
from secondthought.tasks.jsonl_task import normalise
from secondthought.tasks.numbers import last


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


def judged(tmp_path, gold, said, match):
    task = load(written(tmp_path, [{"question": "How much?", "answer": gold}]), {"match": match})
    return task.verify(task.parse({"question": "How much?", "answer": gold}), said).correct


SAME = [
    ("18", "18.0"),
    (18.0, "18"),
    ("-5", "\u22125"),
    ("0.5", ".5"),
    ("1/2", "0.5"),
    ("1/2", r"\frac{1}{2}"),
    ("3/2", "1 1/2"),
    ("1e-05", "0.00001"),
    ("1200", "$1,200.00"),
    ("50", "50%"),
    ("50%", "0.5"),
    ("18", "**18**"),
    ("18", "18 apples."),
    ("18", "\uff11\uff18"),
]
OTHER = [
    ("5", "\u22125"),
    ("-5", "1e-05"),
    ("3/2", "1/2"),
    ("2", "1/2"),
    ("4", "3-4"),
    ("30", "12:30"),
    ("5", "3,5"),
    ("5", "5 million"),
    ("2", r"\sqrt{2}"),
    ("7", "1e999999999"),
    ("9", "9" * 100_000),
    ("0.5", "1/0"),
]


@pytest.mark.parametrize("match", ["exact", "last_number"])
def test_numbers_are_compared_by_value(tmp_path, match):
    for gold, said in SAME:
        assert judged(tmp_path, gold, f"<answer>{said}</answer>", match), (gold, said)
    for gold, said in OTHER:
        assert not judged(tmp_path, gold, f"<answer>{said}</answer>", match), (gold, said)


@pytest.mark.parametrize(
    ("answer", "match", "sentence"),
    [
        ("3-4", "last_number", "cannot be read as one"),
        ("1e999999999", "last_number", "cannot be read as one"),
        ("<answer> 1 </answer>", "exact", "cannot be told"),
        ("x" * 3000, "exact", "cannot be told"),
    ],
)
def test_an_answer_that_the_mode_cannot_mean_is_refused(tmp_path, answer, match, sentence):
    with pytest.raises(TaskError, match=f"questions.jsonl, line 1: the answer .*{sentence}"):
        load(written(tmp_path, [{"question": "Why?", "answer": answer}]), {"match": match})


def test_a_brace_is_an_answer(tmp_path):
    assert judged(tmp_path, "{", "<answer>{</answer>", "exact")


@pytest.mark.parametrize("answer", ["NaN", "Infinity", "1e999"])
def test_a_number_that_json_cannot_mean_is_refused(tmp_path, answer):
    with pytest.raises(TaskError, match="line 1: "):
        load(written(tmp_path, [f'{{"question": "Why?", "answer": {answer}}}']))


def test_a_question_in_four_spellings_is_in_one_split(tmp_path):
    spellings = [("What is {}?", "{}"), (" What  is {}? ", "{}.0"), ("What is\u00a0{}?", "{}"), ("What is {}?", "{}/1")]
    rows = [{"question": q.format(n), "answer": a.format(n)} for q, a in spellings for n in range(200)]
    task, turned = load(written(tmp_path, rows)), load(written(tmp_path, rows[::-1], "turned.jsonl"))
    assert task.repeated == 600
    held = {split: {p.data["question"].split()[2] for p in task.problems(split, n, 0)} for split, n in COUNTS}
    assert not held["train"] & held["test"]
    assert [p.id for p in turned.problems("test", 10, 0)] == [p.id for p in task.problems("test", 10, 0)]
    assert task.parse(rows[0]).id == task.parse(rows[-200]).id
    assert "600 repeated rows" in run_checks(lambda: task, 5)[0].detail


COUNTS = (("train", 120), ("test", 10))


def test_a_question_with_two_answers_names_both_lines(tmp_path):
    rows = [ROWS[0], ROWS[1], {**ROWS[0], "answer": 7}]
    with pytest.raises(TaskError, match="line 3: the question of line 1 again, with the answer '7' in place of '1'"):
        load(written(tmp_path, rows))


@pytest.mark.parametrize(
    ("text", "number"),
    [("", None), ("x", None), ("-3", "-3"), ("a 1,000,000 b", "1000000"), ("1.5 and 2.25.", "9/4"), ("3-4", None)],
)
def test_last_number(text, number):
    found = last(text)
    assert (None if found is None else str(found.value)) == number


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


def all_of(task, split):
    return {problem.id for problem in task.problems(split, task.held(split), 0)}


def test_a_larger_share_of_test_problems_holds_the_smaller_one(tmp_path):
    path = written(tmp_path, ROWS)
    usual, more = load(path), load(path, {"test_percent": 45, "validation_percent": 10})
    assert all_of(usual, "test") < all_of(more, "test")
    assert all_of(more, "train") < all_of(usual, "train")
    shares = [more.held(split) / len(ROWS) for split in ("train", "validation", "test")]
    assert shares == pytest.approx([0.45, 0.1, 0.45], abs=0.08)


def test_shares_that_leave_nothing_to_train_on_are_refused(tmp_path):
    with pytest.raises(TaskError, match="leave some for training"):
        load(written(tmp_path, ROWS), {"test_percent": 60, "validation_percent": 40})
