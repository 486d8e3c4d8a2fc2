"""Prompts: what a problem said, from whichever row holds it; never its JSON."""

import pytest

from secondthought import tasks
from secondthought.report.numbers.prompts import prompt_of

DATA = {"numbers": [1, 5, 18], "target": 90}
COUNTDOWN = tasks.load("countdown", {"preset": "tiny"})


@pytest.mark.parametrize(
    "row",
    [
        {"history": [{"kind": "attempt", "request": "Asked."}]},
        {"turns": [{"kind": "attempt", "request": "Asked."}, {"kind": "reflection", "request": "Why?"}]},
        {"branches": [{"tries": []}, {"tries": [{"kind": "attempt", "request": "Asked."}]}]},
    ],
)
def test_the_request_of_the_first_try_is_the_prompt(row):
    assert prompt_of({**row, "data": DATA}, COUNTDOWN) == "Asked."


def test_a_row_of_an_early_version_is_worded_by_its_task():
    row = {"data": DATA, "history": [{"kind": "attempt", "request": ""}]}
    assert prompt_of(row, COUNTDOWN).startswith("Using the numbers [1, 5, 18], create an equation that equals 90.")


@pytest.mark.parametrize("row", [{"data": DATA}, {"data": DATA, "branches": None, "history": [7]}])
def test_without_its_task_the_data_is_put_in_words(row):
    assert prompt_of(row) == "numbers: 1, 5, 18; target: 90"
    assert prompt_of({**row, "data": {"a": {"b": None}}}, COUNTDOWN) == "a: b: "
    assert prompt_of({"data": None}, COUNTDOWN) == ""
