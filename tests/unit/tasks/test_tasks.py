from __future__ import annotations

import math

import pytest

from secondthought import protocols
from secondthought.errors import TaskError
from secondthought.tasks import TASKS, describe, load
from secondthought.tasks import reflection_prompts as requests
from secondthought.tasks.arithmetic import Arithmetic


class Own(Arithmetic):
    """A user's task."""

    name = "own"

    def __init__(self, size: int = 50) -> None:
        super().__init__(max_number=size)


class Half:
    name = "half"


class Bare:
    """A task with nothing that is optional."""

    name = "bare"
    reflection_request = "Why?"

    def problems(self, split, count, seed):
        return []

    def parse(self, data):
        return Arithmetic().parse(data)

    def verify(self, problem, text):
        return Arithmetic().verify(problem, text)

    def gold(self, problem):
        return None


ABILITIES = [
    protocols.ChanceTask,
    protocols.DiagnosableTask,
    protocols.GeneralAdvisor,
    protocols.OptionTask,
    protocols.PresetTask,
    protocols.ReadableTask,
]


@pytest.mark.parametrize("name", TASKS)
def test_every_task_is_described(name):
    found = describe(name)
    assert found.name == name
    assert found.help
    assert found.options
    assert all(option.help for option in found.options)
    assert math.isfinite(found.chance_level)


@pytest.mark.parametrize("ability", ABILITIES)
def test_countdown_has_every_optional_ability_and_no_task_needs_one(ability):
    assert isinstance(load("countdown"), ability)
    assert not isinstance(load(f"{__name__}:Bare"), ability)


def test_a_task_without_options_presets_or_a_chance_level_is_described():
    found = describe(f"{__name__}:Bare")
    assert (found.options, found.presets) == ((), {})
    assert math.isnan(found.chance_level)


def test_a_users_class_is_a_task():
    task = load(f"{__name__}:Own", {"size": 20})
    assert task.name == "own"
    assert [(option.name, option.default) for option in describe(f"{__name__}:Own").options] == [("size", 50)]
    with pytest.raises(TaskError, match="unexpected keyword argument 'sise'"):
        load(f"{__name__}:Own", {"sise": 20})


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("countdwon", "did you mean 'countdown'"),
        ("chess", "known: countdown, arithmetic"),
        ("no.such.module:Class", "cannot be imported"),
        (f"{__name__}:Missing", "has no 'Missing'"),
        (f"{__name__}:Half", "lacks gold, parse, problems, reflection_request, verify"),
        ("missing.jsonl", "missing.jsonl: cannot be read: No such file"),
        (":", "cannot be imported"),
    ],
)
def test_unknown_names(name, sentence):
    with pytest.raises(TaskError, match=sentence):
        load(name)


def test_unknown_options():
    with pytest.raises(TaskError, match=r"task arithmetic: unknown option 'max'.*allowed: max_number, operators"):
        load("arithmetic", {"max": 3})
    with pytest.raises(TaskError, match="task arithmetic: option max_number: Input should be"):
        load("arithmetic", {"max_number": "many"})


def test_requests_are_those_of_the_paper():
    assert "got the wrong answer" in requests.EQUATION
    assert "the correct tool call" in requests.FUNCTION_CALL
    assert "the correct answer" in requests.GENERAL
    assert load("countdown").reflection_request == requests.EQUATION
    assert load("arithmetic").reflection_request == requests.GENERAL


def test_arithmetic_reasons():
    task = load("arithmetic")
    problem = task.parse({"a": 3, "operator": "-", "b": 5})
    reasons = [
        task.verify(problem, text).reason
        for text in ("-2", "<answer>two</answer>", "<answer>2</answer>", "<answer> -2 </answer>")
    ]
    assert reasons == ["no_answer", "malformed", "wrong", "correct"]
    with pytest.raises(TaskError, match="'operator' must be"):
        task.parse({"a": 3, "operator": "*", "b": 5})
    with pytest.raises(TaskError, match="the test split holds"):
        task.problems("test", 10**6, 0)
