"""A digest changes with what it stands for, and with nothing else."""

import importlib
import sys
import textwrap

import pytest

from secondthought.runs import contents


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write modules of somebody's own, and return a function that imports one anew."""
    monkeypatch.syspath_prepend(tmp_path)

    def imported(name, **texts):
        for module, text in texts.items():
            path = tmp_path / f"{module.replace('_DOT_', '/')}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(textwrap.dedent(text))
        for module in [key for key in sys.modules if key.partition(".")[0].startswith("graders_")]:
            monkeypatch.delitem(sys.modules, module)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    return imported


TASK = """
from graders_rules import is_right

class Task:
    def verify(self, problem, text):
        import graders_late
        return is_right(text) and graders_late.OK
"""


def test_the_code_of_a_class_is_its_module_and_what_that_imports_anywhere(package):
    def digest(**texts):
        return contents.digest_of_code(package("graders_main", **texts).Task)

    first = digest(graders_main=TASK, graders_rules="is_right = bool\n", graders_late="OK = True\n", graders_other="")
    assert digest() == first
    assert digest(graders_other="# nobody imports this\n") == first
    assert digest(graders_late="OK = 1\n") != first
    assert digest(graders_late="OK = True\n") == first
    assert digest(graders_rules="from graders_other import *\nis_right = bool\n") != first
    assert digest(graders_rules="is_right = bool\n", graders_main=TASK + "# stricter\n") != first


def test_a_base_class_and_a_package_of_ones_own_count(package):
    texts = {
        "graders_pkg_DOT___init__": "",
        "graders_pkg_DOT_base": "class Base:\n    pass\n",
        "graders_pkg_DOT_task": "from .base import Base\n\nclass Task(Base):\n    pass\n",
    }
    first = contents.digest_of_code(package("graders_pkg.task", **texts).Task)
    texts["graders_pkg_DOT_base"] = "class Base:\n    strict = True\n"
    assert contents.digest_of_code(package("graders_pkg.task", **texts).Task) != first


def test_what_ships_counts_by_the_source_of_the_package(monkeypatch):
    from secondthought.tasks.countdown import Countdown

    first = contents.digest_of_code(Countdown)
    monkeypatch.setattr(contents, "digest_of_package", lambda: "another version")
    assert contents.digest_of_code(Countdown) != first


def test_code_without_a_file_cannot_be_told():
    made = type("Made", (), {"__module__": "graders_nowhere"})
    assert contents.digest_of_code(made) is None


def test_files_named_anywhere(tmp_path):
    (tmp_path / "questions.jsonl").write_text("{}\n")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a").write_text("a")
    options = {
        "path": str(tmp_path / "questions.jsonl"),
        "deep": [{"dir": tmp_path / "more"}],
        "other": ["x\0y", 3, ""],
    }
    found = sorted(contents.files_named_in(options))
    assert found == [tmp_path / "more", tmp_path / "questions.jsonl"]
    first = contents.digest_of_files(found)
    assert len(first) == 2
    (tmp_path / "more" / "a").write_text("b")
    assert contents.digest_of_files(found) != first


def test_records_by_value():
    assert contents.digest_of({"a": [1, "x"], "b": None}) == contents.digest_of({"b": None, "a": [1, "x"]})
    assert contents.digest_of([1, 2]) != contents.digest_of([12])
    assert len(contents.digest_of("\ud83d")) == 32
