import errno
import json
import math
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.errors import RunError
from secondthought.runs import Recorder, RunDirectory, environment, list_runs, read_metrics, show_run
from secondthought.runs.records import group_row, turn_row
from secondthought.types import Branch, Completion, Group, Problem, StopReason, Turn, TurnKind, Verdict


@pytest.fixture
def run(tmp_path):
    with RunDirectory.create(tmp_path / "run") as run:
        run.write_config({"seed": 3, "algorithm": {"type": "grpo"}})
        yield run


def test_rows_are_there_at_once_and_nan_survives(run):
    recorder = Recorder(run)
    recorder.metrics(1, {"reward/mean": 0.25, "eval/first_try": float("nan")})
    first = read_metrics(run.metrics_path)
    assert first[0]["step"] == 1
    assert first[0]["reward/mean"] == 0.25
    assert math.isnan(first[0]["eval/first_try"])
    assert b"NaN" not in run.metrics_path.read_bytes()


@given(rows=st.integers(0, 5), cut=st.integers(1, 200), keep=st.integers(0, 6))
def test_any_cut_loses_at_most_the_torn_row(rows, cut, keep):
    with tempfile.TemporaryDirectory() as path, RunDirectory.create(Path(path) / "run") as run:
        recorder = Recorder(run)
        for step in range(1, rows + 1):
            recorder.metrics(step, {"reward/mean": step / 7})
        content = run.metrics_path.read_bytes() if rows else b""
        run.metrics_path.write_bytes(content[: max(0, len(content) - cut)])
        whole = content[: max(0, len(content) - cut)].count(b"\n")
        # A row whose line end alone is missing can still be read, but the next writer will write it again.
        assert len(read_metrics(run.metrics_path)) in (whole, whole + 1)
        again = Recorder(run)
        assert [row["step"] for row in read_metrics(run.metrics_path)] == list(range(1, whole + 1))
        again.truncate_after(keep)
        again.metrics(99, {})
        assert [row["step"] for row in read_metrics(run.metrics_path)] == [*range(1, min(whole, keep) + 1), 99]


def test_truncation_also_drops_later_episodes(run):
    recorder = Recorder(run)
    for step in (9, 10, 11):
        recorder.metrics(step, {})
        recorder.episodes(step, [{"step": step}])
    recorder.truncate_after(10)
    assert run.episode_steps() == [9, 10]
    assert [row["step"] for row in read_metrics(run.metrics_path)] == [9, 10]
    assert list(run.episodes(10)) == [{"step": 10}]


def test_damage_in_the_middle_is_told(run):
    run.metrics_path.write_text('{"step": 1}\n{"st\n{"step": 3}\n')
    with pytest.raises(RunError, match="line 2 is not JSON"):
        read_metrics(run.metrics_path)
    run.metrics_path.write_text('{"step": null}\n')
    with pytest.raises(RunError, match="row 1 has no whole number as step"):
        read_metrics(run.metrics_path)


def test_a_full_disk_leaves_the_rows_before(run, monkeypatch):
    recorder = Recorder(run)
    recorder.metrics(1, {})
    real = os.write

    def half(descriptor, data):
        if len(data) < 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data[: len(data) // 2])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(RunError, match="the disk is full"):
        recorder.metrics(2, {"reward/mean": 0.5})
    monkeypatch.undo()
    assert run.metrics_path.read_text() == '{"step": 1}\n'


def turn(kind, text, correct=None):
    verdict = None if correct is None else Verdict(correct=correct, reward=float(correct), reason="x", well_formed=True)
    completion = Completion(token_ids=(1, 2), logprobs=(-1.0, -1.0), text=text, stop=StopReason.END)
    return Turn(kind=kind, prompt_ids=(5,), completion=completion, verdict=verdict)


def test_rows_of_episodes_and_groups():
    problem = Problem(id="p", task="countdown", messages=(), data={"numbers": [1, 2], "target": 3})
    attempt = turn(TurnKind.ATTEMPT, "1", correct=False)
    branches = tuple(
        Branch(reflection=turn(TurnKind.REFLECTION, "add"), tries=(turn(TurnKind.RETRY, "3", correct=good),))
        for good in (True, False)
    )
    group = Group(problem=problem, history=(attempt,), branches=branches)

    def requests(before, turn):
        kinds = [item.kind for item in before]
        assert kinds == ["attempt", "reflection"][: len(kinds)]
        return "Reflect." if turn.kind is TurnKind.REFLECTION else ""

    row = group_row(group, step=4, advantages=[0.5, 0.0], learned=[TurnKind.REFLECTION], requests=requests)
    assert [branch["learned"] for branch in row["branches"]] == [["reflection"], []]
    assert row["branches"][0]["reflection"] == {
        "kind": "reflection",
        "request": "Reflect.",
        "text": "add",
        "num_tokens": 2,
        "stop": "end",
        "verdict": None,
    }
    with pytest.raises(ValueError, match="zip"):
        group_row(group, step=4, advantages=[0.5], learned=[], requests=requests)
    assert json.loads(json.dumps(turn_row(attempt)))["verdict"]["correct"] is False
    assert "fresh" not in turn_row(attempt)
    assert "feedback" not in turn_row(attempt)["verdict"]
    told = replace(attempt, fresh=True, verdict=replace(attempt.verdict, feedback="7 is no 3."))
    assert turn_row(told)["fresh"] is True
    assert turn_row(told)["verdict"]["feedback"] == "7 is no 3."


def test_listing(run):
    Recorder(run).metrics(12, {})
    rates = {"t1.0": {"first_try": {"estimate": 0.25}, "second_try": {"estimate": None}}}
    run.write_summary("running", {"arm": "reflect-retry", "before": rates})
    (row,) = list_runs(run.path.parent)
    assert (row.status, row.arm, row.seed, row.steps, row.first_try_before) == ("running", "reflect-retry", 3, 12, 0.25)
    assert math.isnan(row.second_try_before)
    assert math.isnan(row.first_try_after)
    run.close()
    assert show_run(run.path)["run"]["status"] == "interrupted"
    with pytest.raises(RunError, match="no such directory"):
        list_runs(run.path / "nowhere")


def test_environment_is_json_and_imports_no_torch():
    code = "import secondthought.runs, secondthought.runs.environment, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    found = json.loads(json.dumps(environment.describe(seed=3, threads=None, command=["secondthought", "a b"])))
    assert found["command"] == "secondthought 'a b'"
    assert found["packages"]["torch"]
    assert found["cores"] >= 1


def test_a_foreign_repository_around_the_package_is_not_its_checkout(tmp_path, monkeypatch):
    package = tmp_path / "venv" / "site-packages" / "secondthought"
    package.mkdir(parents=True)
    (tmp_path / "venv" / ".git").mkdir()
    monkeypatch.setattr(environment, "PACKAGE", package)
    assert environment.revision() is None
