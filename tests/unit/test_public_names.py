"""The public names, and that they cost nothing until they are used."""

import subprocess
import sys

import pytest

import secondthought


def test_names_are_sorted_and_exist():
    assert secondthought.__all__ == sorted(secondthought.__all__)
    for name in secondthought.__all__:
        assert getattr(secondthought, name) is not None
        assert name in dir(secondthought)
    assert secondthought.load_task("countdown").name == "countdown"


def test_other_names_are_refused():
    for name in ("load", "nothing"):
        with pytest.raises(AttributeError, match=name):
            getattr(secondthought, name)


def test_import_loads_no_torch():
    code = "import sys, secondthought; secondthought.Problem, secondthought.RunConfig; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
