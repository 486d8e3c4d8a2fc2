"""A taskset of verifiers is a task, judged by its own rewards: with the package where it is installed."""

from __future__ import annotations

import importlib.util
import json

import pytest

from secondthought.errors import TaskError
from secondthought.tasks import load
from secondthought.tasks.checks import run_checks

pytestmark = pytest.mark.filterwarnings("ignore")  # its own, and those of what it needs
installed = pytest.mark.skipif(importlib.util.find_spec("verifiers") is None, reason="needs the extra `verifiers`")


@installed
def test_all_checks_pass():
    found = run_checks(lambda: load("verifiers:vf_sums"), 5)
    skipped = {"gold accepted": "skipped", "changed gold rejected": "skipped", "chance level": "skipped"}
    assert {item.check: item.status for item in found if item.status != "passed"} == skipped


@installed
def test_prompts_and_rewards_are_the_tasksets_own():
    task = load("verifiers:vf_sums", {"config": {"count": 80}})
    assert sum(task.held(split) for split in ("train", "validation", "test")) == 80
    problem = task.problems("train", 1, 0)[0]
    assert [message.role for message in problem.messages] == ["system", "user"]
    right = str(2 * int(problem.messages[1].content.split()[2]))
    rewards = [task.verify(problem, text).reward for text in (right, f"The answer, I believe, is {right}", "-")]
    assert rewards == [1.5, 1.0, 0.5]
    assert [task.verify(problem, text).correct for text in (right, "-")] == [True, False]
    assert load("verifiers:vf_sums", {"config": {"count": 80}}).parse(json.loads(json.dumps(problem.data))) == problem


@installed
@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("no_such_taskset", {}, "'no_such_taskset' not found"),
        ("vf_sums", {"config": {"most": 3}}, "taskset vf_sums: ValidationError"),
        ("vf_sums", {"limit": 0}, "option limit"),
    ],
)
def test_wrong_names_and_settings_are_told(name, given, said):
    with pytest.raises(TaskError, match=said):
        load(f"verifiers:{name}", given)


@pytest.mark.skipif(importlib.util.find_spec("verifiers") is not None, reason="the library is there")
def test_a_missing_library_is_told():
    with pytest.raises(TaskError, match="the library is the extra `verifiers`"):
        load("verifiers:vf_sums")
