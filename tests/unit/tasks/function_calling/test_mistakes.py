"""Mistakes named in reflections, and calls as answers: one form for all wordings, total on any text."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import changed_calls
import pytest
from call_rows import BFCL, XLAM
from hypothesis import given
from hypothesis import strategies as st

from secondthought.evaluate.quality import Reflected, quality
from secondthought.tasks.abilities import AnswerReader, MistakeReader
from secondthought.tasks.function_calling import FunctionCalling
from secondthought.tasks.function_calling.gold import right_calls, written
from secondthought.tasks.function_calling.mistakes import MOST, named_mistakes
from secondthought.tools.calls import Call

TASK = FunctionCalling()
EVIDENCE = Path(__file__).parents[4] / "evidence" / "reflections"
SAID = {
    "wrong_tool": [
        "I called the wrong function.",
        "There is no function `get_wether`, so I must use the one that is listed.",
        "A different tool would have been more appropriate here.",
        "The function name was incorrect.",
    ],
    "wrong_parameter_names": [
        "I forgot to include the required parameter 'unit'.",
        "The call is missing a required argument.",
        "The parameter `days` was not provided.",
        "I passed an unexpected argument that the tool does not take.",
        "The argument 'x' of `f` is missing.",
    ],
    "wrong_parameter_values": [
        "The value of the argument 'city' of `get_weather` is wrong.",
        "I used an incorrect value for the city.",
        "The argument should be an integer, but I passed it as a string.",
        "I gave the wrong data type.",
    ],
    "wrong_number_of_calls": [
        "I made too many calls.",
        "The request needs two function calls, one per city.",
        "I should have called the function twice.",
    ],
    "malformed": [
        "My answer was not valid JSON.",
        "The call cannot be read: the JSON is broken.",
        "The closing brackets were missing.",
        "I used the wrong output format.",
    ],
    "no_call": [
        "I did not call any function.",
        "I failed to make a function call and answered in prose.",
        "The answer calls no function, and the request needs one.",
    ],
    "unwanted_call": [
        "I should not have called any function.",
        "None of the available tools can answer this.",
        "The answer calls `f`, and no function fits the request.",
    ],
}


def test_the_task_reads_answers_and_mistakes():
    assert isinstance(TASK, AnswerReader)
    assert isinstance(TASK, MistakeReader)


@pytest.mark.parametrize(("reason", "text"), [(reason, text) for reason, texts in SAID.items() for text in texts])
def test_a_mistake_is_read_in_many_words(reason, text):
    assert reason in named_mistakes(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I should be more careful and read the request again.",
        "I will do better next time.",
        "The weather in Oslo is cold.",
    ],
)
def test_what_names_no_mistake(text):
    assert named_mistakes(text) == frozenset()


@pytest.mark.parametrize("row", [XLAM, BFCL])
def test_an_oracles_reflection_names_the_verifiers_reason(row):
    problem = TASK.parse(row)
    right = right_calls(*TASK._ready_for(problem))
    agreed, total = 0, 0
    for _, calls in changed_calls.wrong(right):
        attempt = written(calls) if calls else "I cannot help."
        said = TASK.oracle_reflection(problem, attempt)
        total += 1
        agreed += TASK.verify(problem, attempt).reason in TASK.named_mistakes(problem, said)
    assert agreed == total > 3


@given(st.text(max_size=300) | st.text(alphabet="no wrongfunctiparmeslJS`'\"", max_size=300))
def test_any_text_is_read(text):
    assert TASK.named_mistakes(None, text) <= set(SAID)


@pytest.mark.parametrize(
    "part", ["wrong ", "`", "parameter ", "value of ", "call the function ", "missing a ", "did not "]
)
def test_hostile_reflections_are_read_quickly(part):
    start = time.process_time()
    named_mistakes(part * 100_000)
    assert time.process_time() - start < 0.25
    assert named_mistakes("x " * MOST + "I called the wrong function.") == frozenset()


def test_calls_in_another_order_are_the_same_answer():
    problem = TASK.parse(XLAM)
    one, two = Call("get_weather", {"city": "Oslo", "days": 3}), Call("get_time", {"city": "Rome"})
    swapped = Call("get_weather", {"days": 3, "city": "Oslo"})
    assert TASK.answer(problem, written([one, two])) == TASK.answer(problem, written([two, swapped]))
    assert TASK.answer(problem, written([one])) != TASK.answer(problem, written([two]))
    assert TASK.answer(problem, f"Sure!\n{written([one])}\nDone.") == TASK.answer(problem, written([one]))


def test_no_call_is_one_answer_and_a_broken_one_none():
    problem = TASK.parse(XLAM)
    assert TASK.answer(problem, "I cannot.") == TASK.answer(problem, "No tool fits.") == ""
    assert TASK.answer(problem, "<tool_call>{broken</tool_call>") is None


def test_agreement_is_part_of_the_quality():
    problem = TASK.parse(XLAM)
    attempt = written([Call("get_weather", {"city": "Rome", "days": 3})])
    reason = TASK.verify(problem, attempt).reason
    items = [
        Reflected(problem=problem, attempt=attempt, reason=reason, text=text, num_tokens=5)
        for text in ("I used an incorrect value.", "I called the wrong function.", "I will do better.")
    ]
    found = quality(items, TASK)
    assert (found["names_a_mistake"].estimate, found["names_a_mistake"].n) == (pytest.approx(2 / 3), 3)
    assert (found["names_the_mistake"].estimate, found["names_the_mistake"].n) == (0.5, 2)
    assert json.dumps({name: value.to_json() for name, value in found.items()})


@pytest.mark.parametrize(("part", "precision", "recall"), [("tuned", 0.9, 0.75), ("blind", 0.85, 0.45)])
def test_mistakes_in_real_reflections_are_those_that_a_reader_found(part, precision, recall):
    sys.path.insert(0, str(EVIDENCE))
    try:
        from named import agreement
    finally:
        sys.path.remove(str(EVIDENCE))
    found = agreement(part)
    assert found["precision"] >= precision
    assert found["recall"] >= recall
