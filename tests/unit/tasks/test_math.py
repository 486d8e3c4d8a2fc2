"""MATH: answers compared by value, in a process that hostile ones cannot hold up."""

from __future__ import annotations

import json
import sys

import pytest

from secondthought.errors import TaskError
from secondthought.tasks import load
from secondthought.tasks.bounded.calls import BoundedCalls
from secondthought.tasks.checks import run_checks

ROW = {"problem": "What is half of one?", "answer": "\\frac{1}{2}"}


@pytest.fixture(scope="module")
def task():
    return load("math")


@pytest.mark.parametrize(
    ("answer", "said", "reason"),
    [
        ("\\frac{1}{2}", "\\frac{1}{2}", "correct"),
        ("\\frac{1}{2}", "0.5", "correct"),
        ("\\frac{1}{2}", "\\dfrac12", "correct"),
        ("(x+1)^2", "x^2 + 2x + 1", "correct"),
        ("(0,1)", "(1,0)", "wrong"),
        ("\\{1,2\\}", "\\{2,1\\}", "correct"),
        ("3", "4", "wrong"),
        ("3", "\\text{?}", "wrong"),
        ("3", "10^{10^{10^{10}}}", "unreadable"),
    ],
)
def test_formulas_are_compared_by_what_they_mean(task, answer, said, reason):
    problem = task.parse({"problem": "?", "answer": answer})
    assert task.verify(problem, f"so \\boxed{{{said}}}").reason == reason
    assert task.verify(problem, "so \\boxed{\\frac{2}{4}}").correct == (answer == "\\frac{1}{2}")


@pytest.mark.parametrize("place", ["box", "tags", "end"])
def test_all_checks_pass(place, tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [{"problem": f"What is half of {n}?", "answer": f"\\frac{{{n}}}{{2}}"} for n in range(1, 60)]
    path.write_text("\n".join(map(json.dumps, rows)))
    found = run_checks(lambda: load("math", {"files": [str(path)], "answer_in": place}), 5)
    assert {item.check: item.detail for item in found if item.status != "passed"} == {}


def test_the_answer_of_a_row_may_stand_in_its_solution(task):
    row = {"problem": "?", "solution": "It is \\boxed{1}, no, \\boxed{\\frac{1}{2}}."}
    assert task.parse(row).data["answer"] == "\\frac{1}{2}"
    for answer in (None, "", 3, "x" * 2000):
        with pytest.raises(TaskError, match="'answer' must be a formula"):
            task.parse({"problem": "?", "answer": answer})


def test_what_is_no_answer_is_told_apart(task):
    problem = task.parse(ROW)
    for text in ("", "0.5", "\\boxed{", "<answer>0.5</answer>", f"\\boxed{{{'1' * 1500}}}"):
        assert task.verify(problem, text).reason == "no_answer"


def test_without_the_library_the_remedy_is_told(monkeypatch, tmp_path):
    (tmp_path / "math_verify.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{':'.join(filter(None, sys.path))}")
    task = load("math")
    with pytest.raises(TaskError, match=r"pip install 'secondthought\[math\]'"):
        task.verify(task.parse(ROW), "\\boxed{0.5}")


def test_equal_text_needs_no_comparison(monkeypatch, task):
    monkeypatch.setattr(BoundedCalls, "__call__", None)
    assert task.verify(task.parse(ROW), "\\boxed{ \\frac{1}{2} }").correct
