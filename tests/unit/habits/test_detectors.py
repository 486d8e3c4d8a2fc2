"""Detectors by name: which one a task gets, and one sentence where it has none."""

import pytest
from pydantic import ValidationError

from secondthought.config import EvalConfig
from secondthought.config.run import DETECTORS as DECLARED
from secondthought.errors import ConfigError
from secondthought.evaluate import first_try_habits
from secondthought.habits.detectors import DETECTORS, detector
from secondthought.tasks import load


def test_functional_is_the_tasks_own_reader_and_patterns_are_for_any_task():
    assert detector("functional", load("countdown")).name == "functional"
    assert detector("patterns", load("arithmetic")).name == "patterns"
    assert first_try_habits.chosen("none", load("arithmetic")) is None


@pytest.mark.parametrize("find", [detector, first_try_habits.chosen])
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("functional", "task arithmetic has none; use patterns"),
        ("judge", "known: functional, learned, patterns"),
        ("nowhere:Detector", "module 'nowhere' cannot be imported"),
        ("secondthought.rng:Nothing", "has no 'Nothing'"),
        ("secondthought.rng:key", "is no class"),
        ("secondthought.types:Reading", "lacks behaviors, detect, name"),
        ("secondthought.habits.judge.detector:JudgeDetector", "is made without arguments"),
    ],
)
def test_no_such_detector(find, name, sentence):
    with pytest.raises(ConfigError, match=sentence):
        find(name, load("arithmetic"))


def test_the_config_declares_the_names_of_the_table():
    assert set(DECLARED) == set(DETECTORS)
    for name in ("none", *DECLARED, "mine:Own"):
        assert EvalConfig(habits=name).habits == name
    with pytest.raises(
        ValidationError,
        match=r"there is no detector 'functinal' .did you mean 'functional'.*; known: none, functional, learned",
    ):
        EvalConfig(habits="functinal")
