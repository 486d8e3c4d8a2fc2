"""`init` writes a task that passes every check, and settings that `train` takes."""

import json
from pathlib import Path

import pytest

from secondthought.cli.commands.init import starter

EXAMPLE = Path(__file__).parents[4] / "examples" / "own_task.py"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_example_is_what_it_writes():
    names = {"module": "own_task", "kind": "Backwards", "task": "backwards"}
    assert starter("task.py.txt", names) == EXAMPLE.read_text(encoding="utf-8")


def test_what_it_writes_works(cli, process, place):
    written = cli("init", "my_words")
    assert (written.code, written.err) == (0, "")
    assert sorted(path.name for path in place.iterdir()) == ["my_words.py", "my_words.toml"]
    assert "secondthought tasks check my_words:MyWords" in written.out
    checked = process("tasks", "check", "my_words:MyWords", cwd=place)
    assert checked.code == 0, checked.out + checked.err
    assert "failed" not in checked.out
    settings = json.loads(process("train", "reflect-retry", "my_words.toml", "--dry-run", cwd=place).out)
    assert (settings["run_dir"], settings["task"]["name"]) == ("runs/my_words", "my_words:MyWords")


def test_it_writes_where_it_is_told(cli, process, place):
    assert ", in new/words" in cli("init", "words", "--dir", "new/words").out
    assert process("tasks", "check", "words:Words", cwd=place / "new" / "words").code == 0


@pytest.mark.parametrize("name", ["my-task", "2nd", "class", "a.b", "../x", "", "ä"])
def test_what_is_no_name_of_a_module_is_refused(cli, one_sentence, place, name):
    assert "is no name of a Python module" in one_sentence(cli("init", "--", name), 2)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("name", ["json", "sys", "torch", "secondthought"])
def test_a_name_that_python_has_is_refused(cli, one_sentence, place, name):
    assert "Python has a module of that name" in one_sentence(cli("init", name), 1)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("there", ["words.py", "words.toml"])
def test_nothing_is_written_over(cli, one_sentence, place, there):
    (place / there).write_text("mine")
    assert f"{there}: is there already" in one_sentence(cli("init", "words"), 1)
    assert [path.name for path in place.iterdir()] == [there]
    assert (place / there).read_text() == "mine"
