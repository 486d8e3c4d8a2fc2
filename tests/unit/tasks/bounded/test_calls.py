"""Calls in another process: what they return, what ends them, and that the next one works again."""

from __future__ import annotations

import gc
import os
import time

import pytest

from secondthought.errors import TaskError
from secondthought.tasks.bounded.calls import BoundedCalls, Exceeded


@pytest.fixture(autouse=True)
def _found_by_the_other_process(monkeypatch):
    from pathlib import Path

    import bounded_functions

    paths = [str(Path(bounded_functions.__file__).parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))


def calls(name, seconds=0.3, **limits):
    return BoundedCalls(f"bounded_functions:{name}", seconds=seconds, **limits)


def test_values_go_there_and_back_in_one_process():
    found = calls("add")
    assert [found(1, 2), found("a\ud800", "b\n"), found([1], [None])] == [3, "a\ud800b\n", [1, None]]
    number = calls("process")
    assert number() == number() != os.getpid()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("spin", r"took more than 0\.3 s of processor time"),
        ("swell", "raised MemoryError"),
        ("give_up", "ended its process"),
        ("fail", "raised KeyError"),
        ("odd", "raised TypeError"),
    ],
)
def test_what_goes_wrong_is_told_and_the_next_call_works(name, said):
    found, began = calls(name), time.monotonic()
    for _ in range(2):
        with pytest.raises(Exceeded, match=said):
            found()
    assert time.monotonic() - began < 60


def test_a_function_that_is_not_there_is_told_at_the_first_call():
    with pytest.raises(TaskError, match="cannot be called: No module named 'no_such_module'"):
        BoundedCalls("no_such_module:f", seconds=1)()


def test_no_process_is_left():
    found = calls("process")
    number = found()
    del found
    gc.collect()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
