"""A run that was killed and goes on is the run that was never killed: same rows, weights and evaluations, to the bit.

The process that is killed is forked from this one, patched to kill itself at one point, as `kill -9` or a power cut
would.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from killed_runs import INTERRUPTED, at_call, run_and_die
from small_runs import NO_CONTROLS, assert_same_run, results, small_config

from secondthought.errors import RunError
from secondthought.evaluate import before_after, final
from secondthought.rollout import failure_file
from secondthought.runs.checkpoints import Checkpoints
from secondthought.runs.directory import RunDirectory
from secondthought.runs.recorder import Recorder, read_metrics
from secondthought.train import checkpoint, optimizer_state
from secondthought.train import run as run_module
from secondthought.train.learner import Learner
from secondthought.train.run import execute

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


@pytest.mark.parametrize("point", [*POINTS, *(pytest.param(name, marks=SLOW) for name in MORE_POINTS)])
def test_killed_and_resumed(tmp_path, model, whole, point):
    config = small_config(tmp_path / "run", model, evaluation=NO_CONTROLS)
    assert run_and_die(config, patch=(POINTS | MORE_POINTS)[point]) == -signal.SIGKILL
    execute(config, resume=True, quiet=True)
    assert_same_run(config.run_dir, whole)
    assert [row["step"] for row in read_metrics(config.run_dir / "metrics.jsonl")] == list(range(7))


@SLOW
def test_killed_again_and_again(tmp_path, model, whole):
    config = small_config(tmp_path / "run", model, evaluation=NO_CONTROLS)
    for number, patch in enumerate((POINTS | MORE_POINTS).values()):
        ended = run_and_die(config, patch=patch, resume=number > 0)
        if ended == 0:
            break
    execute(config, resume=True, quiet=True)
    assert_same_run(config.run_dir, whole)


def test_interrupted_run_says_so_and_goes_on(tmp_path, model, whole):
    config = small_config(tmp_path / "run", model, evaluation=NO_CONTROLS)
    ctrl_c = lambda: at_call(Learner, "update", 4, action=lambda: os.kill(os.getpid(), signal.SIGINT))  # noqa: E731
    assert run_and_die(config, patch=ctrl_c) == INTERRUPTED
    assert results(config.run_dir)["status"] == "interrupted"
    execute(config, resume=True, quiet=True)
    assert_same_run(config.run_dir, whole)


def test_a_finished_run_is_returned_and_not_touched(tmp_path, model, whole):
    config = small_config(whole, model, evaluation=NO_CONTROLS)
    before = {file: file.stat().st_mtime_ns for file in whole.rglob("*") if file.name != "lock.json"}
    assert execute(config, resume=True, quiet=True) == json.loads((whole / "summary.json").read_text())
    assert before == {file: file.stat().st_mtime_ns for file in whole.rglob("*") if file.name != "lock.json"}


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"seed": 1}, "seed"), ({"optim": {"lr": 1e-4}}, "optim"), ({"train": {"steps": 7}}, "train")],
)
def test_other_settings_are_refused(model, whole, changes, named):
    config = small_config(whole, model, **{"evaluation": NO_CONTROLS, **changes})
    summary = (whole / "summary.json").read_bytes()
    with pytest.raises(RunError, match=rf"cannot resume with other settings \({named} changed\)"):
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
