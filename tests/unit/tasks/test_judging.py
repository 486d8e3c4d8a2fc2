"""A task is somebody's code: what its `verify` gives is read or refused, whoever asks."""

from __future__ import annotations

import math
import sys
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch

from secondthought.errors import TaskError
from secondthought.tasks.arithmetic import Arithmetic
from secondthought.tasks.checks import run_checks
from secondthought.tasks.judging import MAX_REWARD, judge
from secondthought.types import Verdict


class Foreign(Arithmetic):
    """Arithmetic whose right answers get what is given."""

    name = "foreign"

    def __init__(self, result):
        super().__init__()
        self.result = result

    def verify(self, problem, text):
        verdict = super().verify(problem, text)
        return self.result() if verdict.correct else verdict


def verdict(**changed):
    return Verdict(**{"correct": True, "reward": 1.0, "reason": "correct", "well_formed": True, **changed})


def judged(result):
    task = Foreign(result)
    problem = task.parse({"a": 3, "operator": "+", "b": 4})
    return judge(task, problem, task.gold(problem))


NUMBERS = [
    (1, 1.0),
    (True, 1.0),
    (np.bool_(True), 1.0),
    (np.float32(0.5), 0.5),
    (np.float16(0.5), 0.5),
    (np.int64(2), 2.0),
    (np.array(0.25), 0.25),
    (torch.tensor(0.25), 0.25),
    (torch.tensor(0.25, dtype=torch.bfloat16, requires_grad=True), 0.25),
    (torch.tensor(True), 1.0),
    (Fraction(1, 4), 0.25),
    (Decimal("0.25"), 0.25),
]


@pytest.mark.parametrize(("given", "read"), NUMBERS)
def test_what_is_plainly_a_number_becomes_one(given, read):
    found = judged(lambda: verdict(reward=given))
    assert (found.reward, type(found.reward)) == (read, float)


@pytest.mark.parametrize("given", [1, 1.0, np.bool_(True), np.int8(1), torch.tensor(True), np.array(1.0)])
def test_what_is_plainly_true_becomes_true(given):
    found = judged(lambda: verdict(correct=given, well_formed=given))
    assert (found.correct, found.well_formed) == (True, True)


NO_NUMBERS = [
    math.nan,
    math.inf,
    -math.inf,
    None,
    "1.0",
    [1.0],
    1j,
    10**400,
    Fraction(10**400),
    Decimal("nan"),
    Decimal("snan"),
    Decimal("1e999"),
    np.float32("nan"),
    np.array([1.0]),
    np.array("1"),
    torch.tensor(math.nan),
    torch.tensor([1.0]),
    torch.empty((), device="meta"),
    2 * MAX_REWARD,
    pytest.param(object(), id="object"),
]


@pytest.mark.parametrize("given", NO_NUMBERS, ids=repr)
def test_a_reward_that_is_no_finite_number_is_refused(given):
    with pytest.raises(TaskError, match=r"task foreign, problem arithmetic:3\+4: the verdict's reward is .*finite"):
        judged(lambda: verdict(reward=given))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"correct": None}, "correct is None; it must be True or False"),
        ({"correct": 0.5}, "correct is 0.5"),
        ({"correct": "yes"}, "correct is 'yes'"),
        ({"correct": float("nan")}, "correct is nan"),
        ({"well_formed": []}, r"well_formed is \[\]"),
        ({"reason": None}, "reason is None; it must be one word"),
        ({"reason": 3}, "reason is 3"),
    ],
)
def test_the_other_fields_are_what_they_should_be(changed, sentence):
    with pytest.raises(TaskError, match=rf"task foreign, problem arithmetic:3\+4: the verdict's {sentence}"):
        judged(lambda: verdict(**changed))


async def later():
    return verdict()


@pytest.mark.parametrize("result", [lambda: None, lambda: True, lambda: 1.0, lambda: {"correct": True}, later])
def test_what_is_no_verdict_is_refused(result):
    with pytest.raises(TaskError, match=r"problem arithmetic:3\+4: verify returned .*, not a Verdict"):
        judged(result)


def raising(error):
    def verify():
        raise error

    return verify


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        (raising(KeyError("x")), "verify raised KeyError: 'x'"),
        (raising(RecursionError()), "verify raised RecursionError: nested too deeply"),
        (raising(TaskError("no such word")), "no such word"),
        (lambda: sys.exit(3), "verify raised SystemExit: 3"),
        (lambda: 1 / 0, "verify raised ZeroDivisionError"),
    ],
)
def test_what_verify_raises_names_the_problem(result, sentence):
    with pytest.raises(TaskError, match=rf"task foreign, problem arithmetic:3\+4: {sentence}"):
        judged(result)


def checks(result):
    return {item.check: item for item in run_checks(lambda: Foreign(result), 5)}


@pytest.mark.parametrize(
    ("result", "check", "sentence"),
    [
        (lambda: verdict(reward=math.nan), "gold accepted", "reward is nan"),
        (lambda: None, "gold accepted", "not a Verdict"),
        (lambda: verdict(reward=0.0), "rewards", "a right answer earns 0 and a wrong one 0"),
        (lambda: verdict(reward=-1.0), "rewards", "a right answer earns -1"),
    ],
)
def test_tasks_check_finds_it(result, check, sentence):
    found = checks(result)[check]
    assert found.status == "failed"
    assert sentence in found.detail


def test_tasks_check_tells_a_verdict_that_changes():
    rewards = iter(range(1, 10_000))
    assert "verify must not change" in checks(lambda: verdict(reward=float(next(rewards))))["rewards"].detail


def test_tasks_check_passes_numbers_of_other_kinds_and_tells_large_ones():
    found = checks(lambda: verdict(reward=np.float32(20_000), correct=np.bool_(True)))
    assert {item.status for item in found.values()} == {"passed"}
    assert "0 to 20000" in found["rewards"].detail
    assert "scale_by_std" in found["rewards"].detail
