"""A name in a config file is somebody else's text: nothing that it means is called before it is known to fit."""

from __future__ import annotations

import sys

import pytest

from secondthought.errors import ConfigError, TaskError
from secondthought.habits.detectors import detector
from secondthought.plugins import lacking
from secondthought.protocols import Task
from secondthought.tasks import load

RUINS = """
calls = []

def run(command="x"):
    calls.append(command)

class Hungry:
    def __init__(self, command="x"):
        calls.append(command)

class Namesake(Hungry):
    name = "namesake"
    behaviors = ()
    reflection_request = "?"
    problems = parse = verify = gold = detect = None

class Failing:
    name, behaviors, reflection_request = "failing", (), "?"

    def __init__(self):
        raise KeyError("no such place")

    def problems(self, split, count, seed): ...
    def parse(self, data): ...
    def verify(self, problem, text): ...
    def gold(self, problem): ...
    def detect(self, thoughts): ...

class Nameless(Failing):
    name = None

    def __init__(self):
        pass
"""


@pytest.fixture
def ruins(tmp_path, monkeypatch):
    """A module of somebody's that remembers what was called."""
    (tmp_path / "ruins.py").write_text(RUINS)
    (tmp_path / "leaving.py").write_text("raise SystemExit(3)")
    (tmp_path / "broken.py").write_text("class Task(:")
    monkeypatch.syspath_prepend(tmp_path)
    yield sys.modules.setdefault("ruins", __import__("ruins"))
    sys.modules.pop("ruins", None)


WRONG = [
    ("os:system", "'system' is no class but a builtin_function_or_method"),
    ("ruins:run", "'run' is no class but a function"),
    ("ruins:calls", "'calls' is no class but a list"),
    ("ruins:Hungry", "the class is not a"),
    ("ruins:Namesake", "the class is not a .*, it lacks"),
    ("subprocess:Popen", "the class is not a"),
    ("ruins:Failing", "its own code failed with KeyError: 'no such place'"),
    ("ruins:Nothing", "has no 'Nothing'"),
    ("ruins.:Hungry", "cannot be imported: give module:Class"),
    ("..ruins:Hungry", "cannot be imported: give module:Class"),
    ("ruins:Hungry.__init__", "cannot be imported: give module:Class"),
    ("leaving:Task", "cannot be imported: SystemExit: 3"),
    ("broken:Task", "cannot be imported: SyntaxError"),
]


@pytest.mark.parametrize(("name", "sentence"), WRONG)
def test_only_a_fitting_class_is_called(ruins, name, sentence):
    with pytest.raises(TaskError, match=f"task {name}: .*{sentence}"):
        load(name, {} if "Failing" in name else {"command": "ruin"})
    with pytest.raises(ConfigError, match=f"detector {name}: .*{sentence}"):
        detector(name, load("arithmetic"))
    assert ruins.calls == []


def test_a_task_says_its_name(ruins):
    with pytest.raises(TaskError, match="'name' must be a text that is not empty, not None"):
        load("ruins:Nameless")


def test_methods_count_where_they_can_be_called():
    assert lacking(load("arithmetic"), Task) == ""
    assert lacking(object(), Task) == "gold, name, parse, problems, reflection_request, verify"
