"""The recipes of docs/architecture.md, carried out: each code block is written to an empty directory and run there.

Nothing of the package is edited: a row added from outside is played, written and reported like those that ship.
"""

import json
import os
import re
from pathlib import Path

import forked_programs
import pytest
from small_runs import SETTINGS

from secondthought.config import overlay

SUPPORT = Path(__file__).parent / "support"
PAGE = Path(__file__).parents[1] / "docs" / "architecture.md"
RECIPES = dict(re.findall(r"```python\n# (\w+)\.py\n(.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL))
RUN = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
from secondthought import RunConfig, execute
execute(RunConfig.model_validate(json.loads(sys.argv[2])), quiet=True)
"""


def write(folder, *names):
    for name in names:
        (folder / f"{name}.py").write_text(RECIPES[name], encoding="utf-8")


def python(folder, *words):
    path = os.pathsep.join([str(SUPPORT), os.environ.get("PYTHONPATH", "")])
    done = forked_programs.run(*words, cwd=folder, env={"PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def run(tmp_path, checkpoints):
    """Carry out a recipe and then a small run; return its summary, its metrics and its report."""

    def carried_out(name, **changes):
        write(tmp_path, name)
        base = {
            "run_dir": str(tmp_path / "run"),
            "model": {"path": str(checkpoints / "qwen2")},
            "train": {"steps": 2, "eval_every": 1},
        }
        config = overlay(overlay(SETTINGS, base), changes)
        python(tmp_path, "-c", RUN, name, json.dumps(config))
        directory = tmp_path / "run"
        rows = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
        return json.loads((directory / "summary.json").read_text()), rows, (directory / "report.html").read_text()

    return carried_out


def test_every_recipe_is_carried_out():
    assert set(RECIPES) == {"vowels", "longest", "changed", "questions", "retry_rloo"}


def test_a_task(tmp_path):
    write(tmp_path, "vowels")
    out = python(tmp_path, "-m", "secondthought", "tasks", "check", "vowels:Vowels")
    assert "passed" in out or "ok" in out, out


def test_a_control(run):
    summary, _, report = run("longest")
    for side in ("before", "after"):
        assert summary["controls"][side]["longest"]["n"] == summary["controls"][side]["own"]["n"] > 0
    assert "Longest" in report


def test_a_metric(run):
    summary, rows, report = run("changed")
    assert 0 < summary["before"]["t1.0"]["changed"]["estimate"] <= 1
    assert all(0 < row["eval/changed"] <= 1 for row in rows if "eval/first_try" in row)
    assert "Changed" in report


def test_a_detector(run):
    summary, rows, _ = run("questions", evaluation={"habits": "questions:Questions"})
    assert summary["before"]["t1.0"]["habits"]["behaviors"]["question"]["presence"]["n"] > 0
    assert all("behavior/question/presence" in row for row in rows if "eval/first_try" in row)


def test_an_algorithm(run):
    summary, rows, _ = run("retry_rloo", algorithm={"type": "retry-rloo", "group_size": 4})
    assert summary["arm"] == "retry-rloo"
    assert any(row.get("groups/kept") for row in rows)
