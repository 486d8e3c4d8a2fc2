"""Python code by tests: what is run, what hostile code can do, and that nothing of it is left."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hostile_code import HOSTILE

from secondthought.errors import TaskError
from secondthought.tasks import load, python_code
from secondthought.tasks.checks import run_checks
from secondthought.tasks.sandbox.runs import Program, Ran, run

ROW = {
    "question": "Add two numbers.",
    "function": "add",
    "cases": [{"args": [1, 2], "expected": 3}, {"args": [1], "kwargs": {"b": 0.5}, "expected": 1.5}],
    "solution": "def add(a, b):\n    return a + b",
}
MBPP = {"text": "Add two numbers.", "test_list": ["assert add(1, 2) == 3"], "code": "def add(a, b): return a + b"}
HUMAN = {
    "prompt": "def add(a, b):\n    '''Add.'''\n",
    "test": "def check(candidate):\n    assert candidate(1, 2) == 3",
    "entry_point": "add",
    "canonical_solution": "    return a + b\n",
}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="code is shut in by Linux's seccomp")


@pytest.fixture(scope="module")
def task():
    return load("python_code", {"seconds": 0.5})


def block(code):
    return f"Here it is:\n```python\n{code}\n```\nDone."


@pytest.mark.parametrize("row", [ROW, MBPP, HUMAN])
def test_three_shapes_are_read_and_their_solutions_are_right(task, row):
    problem = task.parse(row)
    assert task.verify(problem, task.gold(problem)).correct
    assert task.parse(json.loads(json.dumps(dict(problem.data)))) == problem
    assert not any(task.verify(problem, text).correct for text in task.changed_golds(problem))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (block("def add(a, b):\n    return b + a"), "correct"),
        ("def add(a, b): return a + b", "correct"),
        ("<answer>add = lambda a, b: a + b</answer>", "correct"),
        (block("import math\ndef add(a, b): return math.fsum([a, b])"), "correct"),
        (block("def add(a, b): return a - b"), "wrong"),
        (block("def add(a, b): return True if a == 1 else 3"), "wrong"),
        (block("def add(a, b): return {a}"), "raised"),
        (block("def sum_(a, b): return a + b"), "raised"),
        (block("def add(a): return a"), "raised"),
        (block("def add(a, b) return"), "malformed"),
        (block("1 / 0"), "failed"),
        (block("import numpy"), "failed"),
        (block("x = '" + "a" * 30_000 + "'"), "malformed"),
        (block(""), "no_answer"),
        ("", "no_answer"),
    ],
)
def test_reasons(task, said, reason):
    verdict = task.verify(task.parse(ROW), said)
    assert (verdict.reason, verdict.correct) == (reason, reason == "correct"), verdict.feedback
    assert verdict.well_formed == (reason not in ("malformed", "no_answer"))
    assert bool(verdict.feedback) == (reason != "correct")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_code_is_wrong_in_time_and_leaves_nothing(task, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept = tmp_path / "kept"
    kept.write_text("x")
    code = HOSTILE[name].replace("SPOT", str(tmp_path / "spot")).replace("KEPT", str(kept))
    began = time.monotonic()
    verdict = task.verify(task.parse(ROW), block(code))
    assert not verdict.correct
    assert time.monotonic() - began < 30
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert not _children()


@pytest.mark.parametrize("meddle", ["s.setitimer(s.ITIMER_PROF, 0)", "s.signal(s.SIGPROF, s.SIG_IGN)"])
def test_code_cannot_put_off_its_limit_of_time(meddle):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = run(
        Program(code=f"import sys\ns = sys.modules['signal']\n{meddle}\nwhile True: pass"), seconds=0.3, memory=2**29
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ran.failed
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2.5


def _children():
    found = subprocess.run(
        ["ps", "--ppid", str(os.getpid()), "-o", "args"], capture_output=True, text=True, check=False
    )
    return [line for line in found.stdout.splitlines() if "child.py" in line]


def test_what_is_expected_does_not_reach_the_code(task, monkeypatch):
    seen = []
    monkeypatch.setattr(python_code, "run", lambda program, **limits: seen.append(program) or Ran(failed="x"))
    task.verify(task.parse(ROW), block("pass"))
    assert "expected" not in repr(seen)
    assert "1.5" not in repr(seen)


def test_a_machine_that_cannot_shut_code_in_runs_none(task, monkeypatch):
    monkeypatch.setattr(python_code, "run", lambda program, **limits: Ran(refused="no seccomp"))
    with pytest.raises(TaskError, match=r"task python_code: .*: no seccomp"):
        task.verify(task.parse(ROW), block("pass"))


def test_results_that_are_no_results_are_a_failure():
    program = Program(
        code="import os\nos.write(1, b'{\"results\": 3}\\n')\nos._exit(0)", function="f", cases=[{"args": []}]
    )
    assert run(program, seconds=1.0, memory=2**29).failed == "wrote a reply of its own"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"question": "q", "function": "f"}, "neither 'cases' nor tests"),
        ({**ROW, "cases": [{"args": 1, "expected": 1}]}, "'cases' must be"),
        ({**ROW, "cases": [{"args": []}]}, "'cases' must be"),
        ({**ROW, "solution": 3}, "the solution must be a text"),
        ({**MBPP, "test_list": [1]}, "'test_list' must be a list of texts"),
        ({"function": "f", "cases": ROW["cases"]}, "'question' is missing"),
    ],
)
def test_damaged_rows_are_told(task, row, said):
    with pytest.raises(TaskError, match=said):
        task.parse(row)


def test_all_checks_pass(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [
        {
            "question": f"Add {n}.",
            "function": "add",
            "cases": [{"args": [1], "expected": 1 + n}],
            "solution": f"def add(x):\n    return x + {n}",
        }
        for n in range(60)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    found = run_checks(lambda: load("python_code", {"files": [str(path)]}), 1)
    assert {item.check: item.detail for item in found if item.status != "passed"} == {}


def test_the_child_imports_the_standard_library_alone():
    from secondthought.tasks.sandbox import runs

    text = Path(runs.CHILD).read_text()
    assert "secondthought" not in text.split('"""')[2]
