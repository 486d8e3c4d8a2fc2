from __future__ import annotations

import json

import pytest
from call_rows import BFCL, XLAM

from secondthought.protocols import DiagnosableTask, GeneralAdvisor
from secondthought.tasks.function_calling import FunctionCalling
from secondthought.tasks.function_calling.gold import right_calls, written
from secondthought.tools.calls import Call

WRONG = written([Call("get_weather", {"city": "Rome", "days": 3})])
NONE_WANTED = {**XLAM, "answers": []}


def test_the_task_can_be_diagnosed():
    assert isinstance(FunctionCalling(), DiagnosableTask)
    assert isinstance(FunctionCalling(), GeneralAdvisor)


def test_an_oracle_shows_the_call_or_its_place():
    for shows, advice in (
        ("value", 'The right call is {"name": "get_weather", "arguments": {"city": "Oslo", "days": 3}}.'),
        ("place", "I should read the request again for the argument 'city'."),
    ):
        task = FunctionCalling(oracle_shows=shows)
        said = task.oracle_reflection(task.parse(XLAM), WRONG)
        assert said == f"The value of the argument 'city' of `get_weather` is wrong. {advice}"


@pytest.mark.parametrize(
    ("attempt", "place"),
    [
        ("no", "I should call `get_weather`."),
        (written([Call("get_time", {"city": "Oslo"})]), "I should call `get_weather`."),
        (written([Call("get_weather", {"town": "Oslo"})]), "I should give 'city', 'days' and no other argument."),
    ],
)
def test_the_place_depends_on_the_mistake(attempt, place):
    task = FunctionCalling(oracle_shows="place")
    assert task.oracle_reflection(task.parse(XLAM), attempt).endswith(place)


@pytest.mark.parametrize("shows", ["value", "place"])
@pytest.mark.parametrize("row", [XLAM, BFCL, NONE_WANTED, {**XLAM, "tools": XLAM["tools"][:1]}])
def test_a_contrary_reflection_has_the_oracles_form_and_is_wrong(row, shows):
    task = FunctionCalling(oracle_shows=shows)
    problem = task.parse(row)
    attempt = written([Call("get_weather", {"city": "Rome"})])
    oracle, contrary = task.oracle_reflection(problem, attempt), task.contrary_reflection(problem, attempt)
    assert oracle != contrary
    assert oracle.split(".")[0] == contrary.split(".")[0]
    if shows == "value" and "The right call is " in contrary:
        call = json.loads(contrary.partition("The right call is ")[2].removesuffix("."))
        assert not task.verify(problem, written([Call(call["name"], call["arguments"])])).correct


def test_an_oracle_that_shows_the_value_leaks_it_and_one_that_does_not_does_not():
    for problem in FunctionCalling().problems("train", 60, seed=2):
        shown, hidden = FunctionCalling(oracle_shows="value"), FunctionCalling(oracle_shows="place")
        assert shown.leak(problem, shown.oracle_reflection(problem, "no")) == "solution"
        if right_calls(hidden.wanted(problem), "exact"):
            assert hidden.leak(problem, hidden.oracle_reflection(problem, "no")) == "first_step"
        assert hidden.leak(problem, hidden.general_reflection()) == "none"


@pytest.mark.parametrize(
    ("text", "leak"),
    [
        ("I should read the request again and name the city.", "none"),
        ("The argument 'city' is missing.", "first_step"),
        ("I should use get_weather.", "first_step"),
        ("It is about oslo.", "first_step"),
        ("Osloer Strasse, 33 days", "none"),
        ("3.5 days", "none"),
        ("Oslo, and 3 days.", "solution"),
        ("", "none"),
    ],
)
def test_leak(text, leak):
    task = FunctionCalling()
    assert task.leak(task.parse(XLAM), text) == leak


def test_leak_where_no_call_is_wanted():
    task = FunctionCalling()
    problem = task.parse(NONE_WANTED)
    assert task.leak(problem, "None of the functions fits.") == "solution"
    assert task.leak(problem, "I gave a wrong city.") == "none"
