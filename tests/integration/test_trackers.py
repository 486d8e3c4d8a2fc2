"""Trackers of a whole run: told of each row that is written, by the first process alone, and no reason to stop."""

import logging

import pytest
from small_runs import NO_CONTROLS, assert_same_run, small_config, untimed
from two_processes import both

from secondthought import execute
from secondthought.errors import RunError
from secondthought.runs import RunDirectory, read_metrics, recorder
from secondthought.runs.console import Console
from secondthought.train.monitor import Monitor

STEPS = 6


class Kept:
    """Keeps what it is told; at one step it may raise."""

    def __init__(self, error=None, at=None):
        self.error, self.at, self.rows, self.closed = error, at, [], 0

    def row(self, step, metrics):
        self.rows.append({"step": step, **metrics})
        if step == self.at:
            raise self.error

    def close(self):
        self.closed += 1

    @property
    def steps(self):
        return [row["step"] for row in self.rows]


def config(path, model):
    return small_config(path, model, evaluation=NO_CONTROLS)


def test_a_tracker_is_told_of_the_rows_that_are_in_the_file(tmp_path, whole, model):
    kept, path = Kept(), tmp_path / "run"
    execute(config(path, model), quiet=True, trackers=[kept])
    assert_same_run(path, whole)
    written = read_metrics(path / "metrics.jsonl")
    assert [row["step"] for row in written] == list(range(STEPS + 1))
    assert [{key: value for key, value in row.items() if value == value} for row in kept.rows] == [
        {key: value for key, value in row.items() if value == value} for row in written
    ]
    assert kept.closed == 1


def test_trackers_that_fail_change_nothing(tmp_path, whole, model, monkeypatch, caplog):
    """The console's failure, too."""

    def fail(console, step, metrics):
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(Console, "row", fail)
    broken, kept = Kept(RuntimeError("quota"), at=2), Kept()
    with caplog.at_level(logging.WARNING, "secondthought"):
        execute(config(tmp_path / "run", model), trackers=[broken, kept])
    assert_same_run(tmp_path / "run", whole)
    assert (broken.steps, kept.steps) == ([0, 1, 2], list(range(STEPS + 1)))
    assert [record.getMessage() for record in caplog.records if record.name == "secondthought.runs.trackers"] == [
        "tracker Console failed at step 0 and is left out, training goes on: BrokenPipeError: [Errno 32] Broken pipe",
        "tracker Kept failed at step 2 and is left out, training goes on: RuntimeError: quota",
    ]


def test_a_row_that_cannot_be_written_stops_the_run_before_any_tracker_is_told(tmp_path, model, monkeypatch):
    kept, append = Kept(), recorder._append

    def full(path, line):
        if path.exists() and path.read_text().count("\n") == 3:
            raise OSError(28, "No space left on device")
        append(path, line)

    monkeypatch.setattr(recorder, "_append", full)
    with pytest.raises(RunError, match="the disk is full; free some space"):
        execute(config(tmp_path / "run", model), quiet=True, trackers=[kept])
    assert (kept.steps, kept.closed) == ([0, 1, 2], 1)
    assert RunDirectory.open(tmp_path / "run").summary()["status"] == "failed"


def test_an_interrupted_run_goes_on_and_warns_of_nothing_twice(tmp_path, whole, model, monkeypatch, capfd):
    """Ctrl-C reaches a run through its tracker; what was warned of before is not warned of again."""
    monkeypatch.setattr(Monitor, "_found", lambda self, metrics: iter([("always", "something is always wrong")]))
    path = tmp_path / "run"
    stopped, again = Kept(KeyboardInterrupt(), at=5), Kept()
    with pytest.raises(KeyboardInterrupt):
        execute(config(path, model), quiet=False, trackers=[stopped])
    assert RunDirectory.open(path).summary()["status"] == "interrupted"
    assert warnings(capfd) == ["warning: step 0: something is always wrong"]
    execute(config(path, model), resume=True, quiet=False, trackers=[again])
    assert_same_run(path, whole)
    assert (stopped.steps, stopped.closed) == ([0, 1, 2, 3, 4, 5], 1)
    assert (again.steps, again.closed) == ([5, 6], 1)
    assert warnings(capfd) == []


def warnings(capfd):
    return [line for line in capfd.readouterr().err.splitlines() if line.startswith("warning: ")]


def test_a_finished_run_closes_the_trackers_that_it_tells_nothing(tmp_path, whole, model):
    kept = Kept()
    execute(config(whole, model), resume=True, quiet=True, trackers=[kept])
    assert (kept.steps, kept.closed) == ([], 1)


def test_the_first_process_alone_tells_its_trackers(tmp_path, model):
    def work(rank, join):
        kept = Kept()
        execute(config(tmp_path / "run", model), quiet=True, trackers=[kept])
        return kept.steps, kept.closed

    first, second = both(tmp_path / "processes", work)
    assert first == (list(range(STEPS + 1)), 1)
    assert second == ([], 1)
    assert [row["step"] for row in untimed(tmp_path / "run")] == list(range(STEPS + 1))
