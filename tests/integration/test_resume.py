"""A run that was killed and goes on is the run that was never killed: same rows, weights and evaluations, to the bit.

The process that is killed is forked from this one, patched to kill itself at one point, as `kill -9` or a power cut
would.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from killed_runs import INTERRUPTED, at_call, run_and_die
from small_runs import NO_CONTROLS, assert_same_run, results, small_config, untimed, weights

from secondthought.errors import RunError, SecondthoughtError, TaskError
from secondthought.evaluate import before_after, final
from secondthought.inference.local import LocalPolicy
from secondthought.rollout import failure_file
from secondthought.runs.checkpoints import Checkpoints
from secondthought.runs.directory import RunDirectory
from secondthought.runs.recorder import Recorder, read_metrics
from secondthought.train import checkpoint, optimizer_state
from secondthought.train import run as run_module
from secondthought.train.curriculum import Curriculum
from secondthought.train.learner import Learner
from secondthought.train.lifecycle import status_of_failure
from secondthought.train.run import execute
from secondthought.train.schedule import rate_of_step

SUPPORT = Path(__file__).parents[1] / "support"


def half_a_row():
    """Die as a process does whose last write the disk cut short."""
    original = Recorder.metrics

    def torn(recorder, step, values):
        original(recorder, step, values)
        if step == 4:
            path = recorder._run.metrics_path
            os.truncate(path, path.stat().st_size - 30)
            os.kill(os.getpid(), signal.SIGKILL)

    Recorder.metrics = torn


POINTS = {
    "with the failures not yet stored": lambda: at_call(failure_file, "write", 1),
    "after the first checkpoint": lambda: at_call(Checkpoints, "prune", 1, after=True),
    "in a later step": lambda: at_call(Learner, "update", 5),
    "in a row": half_a_row,
    "between checkpoint and pointers": lambda: at_call(Checkpoints, "point", 3),
    "in the last evaluation": lambda: at_call(final, "measure", 2, after=True),
}
MORE_POINTS = {
    "in the first evaluation": lambda: at_call(before_after, "write_rows", 1, after=True),
    "before the first checkpoint": lambda: at_call(checkpoint, "save", 1),
    "in the first step": lambda: at_call(Learner, "update", 1),
    "in a checkpoint": lambda: at_call(optimizer_state, "save_state", 2, after=True),
    "before a checkpoint has its name": lambda: at_call(checkpoint, "save", 2, after=True),
    "between the best and the last": lambda: at_call(Checkpoints, "point", 4),
    "before old checkpoints are deleted": lambda: at_call(Checkpoints, "prune", 3),
    "before the report": lambda: at_call(run_module, "build_report", 1),
}
SLOW = pytest.mark.slow
ELSEWHERE = {"after the first checkpoint", "in a later step"}
"""Where the runs die too that are killed again and again, or moved."""


@pytest.mark.parametrize(
    "point",
    [
        *sorted(POINTS.keys() - ELSEWHERE),
        *(pytest.param(name, marks=SLOW) for name in (*MORE_POINTS, *sorted(ELSEWHERE))),
    ],
)
def test_killed_and_resumed(tmp_path, model, whole, point):
    config = small_config(tmp_path / "run", model, evaluation=NO_CONTROLS)
    assert run_and_die(config, patch=(POINTS | MORE_POINTS)[point]) == -signal.SIGKILL
    execute(config, resume=True, quiet=True)
    assert_same_run(config.run_dir, whole)
    assert [row["step"] for row in read_metrics(config.run_dir / "metrics.jsonl")] == list(range(7))


@SLOW
def test_an_evaluation_that_was_killed_samples_nothing_again(tmp_path, model, whole, monkeypatch):
    config = small_config(tmp_path / "run", model, evaluation=NO_CONTROLS)
    assert run_and_die(config, patch=POINTS["in the last evaluation"]) == -signal.SIGKILL
    assert (config.run_dir / "evaluations/after.samples").exists()
    sampled = []
    monkeypatch.setattr(LocalPolicy, "completion", lambda *_: sampled.append(1))
    execute(config, resume=True, quiet=True)
    assert not sampled
    assert not list(config.run_dir.rglob("*.samples"))
    assert_same_run(config.run_dir, whole)


def test_killed_again_and_again(tmp_path, model, whole):
    config = small_config(tmp_path / "run", model, evaluation=NO_CONTROLS)
    for number, patch in enumerate((POINTS | MORE_POINTS).values()):
        ended = run_and_die(config, patch=patch, resume=number > 0)
        if ended == 0:
            break
    execute(config, resume=True, quiet=True)
    assert_same_run(config.run_dir, whole)


def ctrl_c(times=1):
    """What sends so many of them to this process, the first time that it is called."""
    left = iter(range(times))
    return lambda: [os.kill(os.getpid(), signal.SIGINT) for _ in left]


CTRL_C = {
    "while problems are played": (Curriculum, "groups", 4, 3),
    "in an update": (Learner, "update", 3, 3),
    "in a validation": (run_module, "validate", 3, 4),
    "while a row is written": (Recorder, "metrics", 4, 3),
}
"""What is under way when Ctrl-C comes, and the step that is kept: that of the last whole update."""


@pytest.mark.parametrize("case", CTRL_C)
def test_an_interrupted_run_keeps_every_step_that_it_learned(tmp_path, model, whole, case):
    owner, name, number, kept = CTRL_C[case]
    config = small_config(tmp_path / "run", model, evaluation=NO_CONTROLS, train={"checkpoint_every": 100})
    assert run_and_die(config, patch=lambda: at_call(owner, name, number, action=ctrl_c())) == INTERRUPTED
    assert results(config.run_dir)["status"] == "interrupted"
    run = RunDirectory.open(config.run_dir)
    assert run.checkpoints.pointer("last")["step"] == kept
    with pytest.raises(KeyboardInterrupt) as stop, status_of_failure(run):
        raise KeyboardInterrupt
    assert stop.value.__notes__ == [f"training is kept up to step {kept}: run the same command with --resume to go on"]
    execute(config, resume=True, quiet=True)
    assert_same_run(config.run_dir, whole)


def test_a_second_ctrl_c_does_not_wait_and_tears_no_checkpoint(tmp_path, model, whole):
    config = small_config(tmp_path / "run", model, evaluation=NO_CONTROLS, train={"checkpoint_every": 100})
    assert run_and_die(config, patch=lambda: at_call(Learner, "update", 4, action=ctrl_c(2))) == INTERRUPTED
    assert RunDirectory.open(config.run_dir).checkpoints.pointer("last")["step"] < 3
    execute(config, resume=True, quiet=True)
    assert_same_run(config.run_dir, whole)


def test_a_task_that_fails_loses_no_step(tmp_path, model, whole, monkeypatch):
    config = small_config(tmp_path / "run", model, evaluation=NO_CONTROLS, train={"checkpoint_every": 100})
    original, calls = Curriculum.groups, []

    def fails(self, step):
        calls.append(step)
        if len(calls) == 4:
            raise TaskError("verify failed")
        return original(self, step)

    monkeypatch.setattr(Curriculum, "groups", fails)
    with pytest.raises(TaskError, match="verify failed"):
        execute(config, quiet=True)
    monkeypatch.undo()
    assert RunDirectory.open(config.run_dir).checkpoints.pointer("last")["step"] == 3
    execute(config, resume=True, quiet=True)
    assert_same_run(config.run_dir, whole)


def test_a_finished_run_is_extended(tmp_path, model, whole):
    """With a constant rate and steps that are validated anyway, it is the run that was never finished."""
    config = small_config(tmp_path / "run", model, evaluation=NO_CONTROLS, train={"steps": 4})
    assert execute(config, quiet=True)["steps"] == 4
    longer = small_config(tmp_path / "run", model, evaluation=NO_CONTROLS)
    assert execute(longer, resume=True, quiet=True)["steps"] == 6
    assert_same_run(config.run_dir, whole)
    assert RunDirectory.open(config.run_dir).changed() == [{"after_step": 4, "settings": {"train.steps": [4, 6]}}]
    assert RunDirectory.open(config.run_dir).config() == json.loads(longer.model_dump_json())


def test_a_finished_run_is_evaluated_otherwise(tmp_path, model, whole):
    """Both sides are measured anew, and no step is taken again."""
    shutil.copytree(whole, tmp_path / "run")
    before = weights(tmp_path / "run")
    other = {"problems": 6, "temperatures": [0.5], "checkpoint": "last", "controls": False}
    summary = execute(small_config(tmp_path / "run", model, evaluation=other), resume=True, quiet=True)
    assert list(summary["before"]) == list(summary["after"]) == ["t0.5"]
    assert summary["before"]["t0.5"]["first_try"]["n"] == 6
    files = sorted(path.name for path in (tmp_path / "run/evaluations").iterdir())
    assert files == ["after_t0.5.jsonl", "before_t0.5.jsonl"]
    assert untimed(tmp_path / "run") == untimed(whole)
    assert weights(tmp_path / "run") == before
    straight = execute(small_config(tmp_path / "straight", model, evaluation=other), quiet=True)
    assert summary["paired"] == straight["paired"]


def test_a_cosine_of_an_extended_run_is_that_of_its_new_length(tmp_path, model):
    """Steps that were taken keep their rate; those to come have the rate that a run of the new length has there."""
    config, longer = (
        small_config(
            tmp_path / "run",
            model,
            optim={"schedule": "cosine"},
            train={"steps": steps, "eval_every": 4},
            evaluation=NO_CONTROLS,
        )
        for steps in (4, 8)
    )
    execute(config, quiet=True)
    execute(longer, resume=True, quiet=True)
    rates = [row["optim/lr"] for row in read_metrics(tmp_path / "run/metrics.jsonl") if row["step"]]
    assert rates[:4] == [rate_of_step(config.optim, config.train, step) for step in range(1, 5)]
    assert rates[4:] == [rate_of_step(longer.optim, longer.train, step) for step in range(5, 9)]


FAILED_STARTS = {
    "no such model": {"weights": "nowhere/at/all"},
    "too few problems": {"settings": {"evaluation": {"problems": 500}}},
    "no such failures": {"settings": {"train": {"failures": "nowhere.jsonl"}}},
    "no such task": {"settings": {"task": {"name": "nowhere:Task"}}},
}


@pytest.mark.parametrize("case", FAILED_STARTS)
def test_a_failed_start_leaves_a_directory_as_it_was(tmp_path, model, case):
    found, path = FAILED_STARTS[case], tmp_path / "run"
    model, wrong = found.get("weights", model), found.get("settings", {})
    with pytest.raises(SecondthoughtError):
        execute(small_config(path, model, **wrong), quiet=True)
    assert [item.name for item in path.iterdir()] == ["lock.json"]
    (path / "config.json").write_text(json.dumps({"written_by": "secondthought", "config": {}}))
    (path / "metrics.jsonl").write_text('{"step": 5}\n')
    with pytest.raises(SecondthoughtError):
        execute(small_config(path, model, **wrong), overwrite=True, quiet=True)
    assert (path / "metrics.jsonl").read_text() == '{"step": 5}\n'


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_without_a_step_is_started_again(tmp_path, model, whole, resume):
    config = small_config(tmp_path / "run", model, evaluation=NO_CONTROLS)
    assert run_and_die(config, patch=lambda: at_call(Curriculum, "groups", 1, action=ctrl_c())) == INTERRUPTED
    execute(config, resume=resume, quiet=True)
    assert_same_run(config.run_dir, whole)


def test_a_finished_run_is_returned_and_not_touched(tmp_path, model, whole):
    config = small_config(whole, model, evaluation=NO_CONTROLS)
    before = {file: file.stat().st_mtime_ns for file in whole.rglob("*") if file.name != "lock.json"}
    assert execute(config, resume=True, quiet=True) == json.loads((whole / "summary.json").read_text())
    assert before == {file: file.stat().st_mtime_ns for file in whole.rglob("*") if file.name != "lock.json"}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seed": 1}, r"seed \(0 -> 1\)"),
        ({"optim": {"lr": 1e-4}, "seed": 1}, r"optim.lr \(0.003 -> 0.0001\), seed \(0 -> 1\)"),
        ({"train": {"steps": 5}}, r"train.steps \(6 -> 5\), which may only grow"),
        ({"train": {"groups_per_step": 2, "steps": 8}}, r"train.groups_per_step \(3 -> 2\); give"),
        ({"task": {"options": {"a": 1}}}, r"task.options.a \(not set -> 1\)"),
    ],
)
def test_other_settings_are_refused(model, whole, changes, named):
    config = small_config(whole, model, **{"evaluation": NO_CONTROLS, **changes})
    summary = (whole / "summary.json").read_bytes()
    with pytest.raises(RunError, match=rf"cannot resume with other settings: {named}"):
        execute(config, resume=True, quiet=True)
    assert (whole / "summary.json").read_bytes() == summary


def test_a_run_that_moved_goes_on(tmp_path, model, whole):
    config = small_config(tmp_path / "run", model, evaluation=NO_CONTROLS)
    assert run_and_die(config, patch=POINTS["in a later step"]) == -signal.SIGKILL
    moved = (tmp_path / "run").rename(tmp_path / "elsewhere")
    execute(small_config(moved, model, evaluation=NO_CONTROLS), resume=True, quiet=True)
    assert_same_run(moved, whole)


def test_two_processes_cannot_write_one_run(tmp_path, model, whole):
    with RunDirectory.resume(whole), pytest.raises(RunError, match="is writing this run"):
        execute(small_config(whole, model, evaluation=NO_CONTROLS), resume=True, quiet=True)


@SLOW
def test_processes_of_two_threads_killed_from_outside(tmp_path, model):
    """As users do it: `kill -9` at any moment, then the same command again."""
    piece = Piece(tmp_path, model)
    assert piece.run("whole").wait() == 0
    for name, rows in (("early", 1), ("late", 5)):
        process = piece.run(name)
        piece.wait_for_rows(name, rows)
        process.kill()
        process.wait()
        assert piece.run(name).wait() == 0
        assert_same_run(tmp_path / name, tmp_path / "whole")


class Piece:
    """Processes that train or go on with runs of one config."""

    def __init__(self, root, model):
        self.root, self.model = root, model

    def run(self, name):
        config = small_config(self.root / name, self.model, threads=2, evaluation=NO_CONTROLS)
        file = self.root / f"{name}.json"
        file.write_text(json.dumps({"run": config.model_dump(mode="json")}))
        command = [sys.executable, "-m", "secondthought.study.worker", str(file)]
        environment = {**os.environ, "PYTHONPATH": str(SUPPORT)}
        return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)

    def wait_for_rows(self, name, count):
        path, until = self.root / name / "metrics.jsonl", time.monotonic() + 500
        while not path.exists() or path.read_bytes().count(b"\n") < count:
            assert time.monotonic() < until
            time.sleep(0.005)
