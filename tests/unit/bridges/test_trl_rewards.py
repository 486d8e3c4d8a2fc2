"""What was written for TRL is a task: its rows, its functions, and what they return."""

from __future__ import annotations

import json

import pytest

from secondthought.errors import TaskError
from secondthought.tasks import load
from secondthought.tasks.checks import run_checks

CHAT = [
    {
        "prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"What is {n} + 1?"}],
        "answer": str(n + 1),
        "solution": f"It is {n + 1}",
    }
    for n in range(80)
]
TEXT = [{"prompt": f"Say {n}."} for n in range(40)]


@pytest.fixture
def chat(tmp_path):
    return written(tmp_path / "chat.jsonl", CHAT)


@pytest.fixture
def text(tmp_path):
    return written(tmp_path / "text.jsonl", TEXT)


def written(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)))
    return str(path)


def first(task):
    return task.problems("train", 1, 0)[0]


def test_a_data_set_and_a_function_are_a_sound_task(chat):
    found = run_checks(lambda: load("trl:trl_functions:exact", {"dataset": chat, "gold": "solution"}), 5)
    skipped = {"changed gold rejected": "skipped", "chance level": "skipped"}
    assert {item.check: item.status for item in found if item.status != "passed"} == skipped


def test_conversations_and_columns_reach_the_function(chat):
    task = load("trl:trl_functions:exact", {"dataset": chat})
    problem = first(task)
    assert [message.role for message in problem.messages] == ["system", "user"]
    assert task.verify(problem, f"It is {problem.data['answer']}").correct
    assert not task.verify(problem, "It is 1000").correct
    assert task.parse(json.loads(json.dumps(dict(problem.data)))) == problem
    assert task.gold(problem) is None


def test_rewards_are_added_and_weighted(chat):
    names = "trl:trl_functions:exact, trl_functions:short"
    task = load(names, {"dataset": chat, "weights": [2.0, 1.0], "right_from": 2.0})
    problem = first(task)
    right = problem.data["answer"]
    verdicts = [task.verify(problem, said) for said in (right, f"The answer is {right}", "no")]
    assert [(v.reward, v.correct) for v in verdicts] == [(2.5, True), (2.0, True), (0.5, False)]


def test_a_text_is_one_turn_of_the_user(text):
    task = load("trl:trl_functions:short", {"dataset": text, "right_from": 0.5})
    problem = first(task)
    assert [message.role for message in problem.messages] == ["user"]
    assert task.verify(problem, "short").correct


@pytest.mark.parametrize(
    ("function", "reason", "feedback"),
    [("slow", "correct", ""), ("told", "wrong", "Too long."), ("silent", "not_judged", "")],
)
def test_what_functions_return(text, function, reason, feedback):
    task = load(f"trl:trl_functions:{function}", {"dataset": text})
    verdict = task.verify(first(task), "x")
    assert (verdict.reason, verdict.feedback) == (reason, feedback)
    assert verdict.well_formed == (reason != "not_judged")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("broken", r"trl_functions:broken: KeyError: 'answer'"),
        ("many", "trl_functions:many: ValueError"),
        ("endless", "returned nan, which is no reward"),
    ],
)
def test_functions_that_fail_are_named(text, function, said):
    task = load(f"trl:trl_functions:{function}", {"dataset": text})
    with pytest.raises(TaskError, match=said):
        task.verify(first(task), "x")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("trl_functions:ids", "not `completion_ids`: it sees text"),
        ("trl_functions:NO_FUNCTION", "must be a function that takes `completions`"),
        ("trl_functions:nothing", "has no 'nothing'"),
        ("os:system", "must be a function that takes `completions`"),
        ("no_such_module:f", "cannot be imported"),
        ("trl_functions", "cannot be imported: give module:function"),
    ],
)
def test_what_is_no_reward_function_is_not_called(text, name, said):
    with pytest.raises(TaskError, match=said):
        load(f"trl:{name}", {"dataset": text})


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        (3, "must be a text or a list of messages"),
        ([], "must be a text or a list of messages"),
        ([{"role": "user", "content": [{"type": "image"}]}], "must be a text or a list of messages"),
        ([{"role": "assistant", "content": "x"}], "must end with a message of the user"),
    ],
)
def test_damaged_rows_are_told(tmp_path, prompt, said):
    path = written(tmp_path / "rows.jsonl", [{"prompt": prompt}])
    with pytest.raises(TaskError, match=said):
        load("trl:trl_functions:short", {"dataset": path})


def test_weights_must_be_as_many_as_functions(text):
    with pytest.raises(TaskError, match="2 weights for 1 functions"):
        load("trl:trl_functions:short", {"dataset": text, "weights": [1, 2]})
