"""Trackers look on: they are told in order, and none of them can stop what it follows."""

import io
import logging

import pytest

from secondthought.runs import Console, Trackers
from secondthought.train.monitor import PATIENCE, Monitor


class Kept:
    """Keeps what it is told, in a list that it may share with others."""

    def __init__(self, name="", told=None):
        self.name, self.told, self.closed = name, [] if told is None else told, 0

    def row(self, step, metrics):
        self.told.append((self.name, step, metrics))

    def close(self):
        self.closed += 1


class Broken(Kept):
    """Raises at a step, or when it is closed."""

    def __init__(self, error, *, at=None):
        super().__init__()
        self.error, self.at = error, at

    def row(self, step, metrics):
        super().row(step, metrics)
        if step == self.at:
            raise self.error

    def close(self):
        super().close()
        raise self.error


class Stopping(Kept):
    """Ends the run, as Ctrl-C or a time limit does."""

    def __init__(self, stop):
        super().__init__()
        self.stop = stop

    def row(self, step, metrics):
        raise self.stop


class Greedy(Kept):
    """Takes the metrics apart."""

    def row(self, step, metrics):
        metrics.clear()


@pytest.fixture
def warned(caplog):
    """The warnings so far."""
    caplog.set_level(logging.WARNING, "secondthought")
    return lambda: [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_each_is_told_of_each_step_in_order(warned):
    told = []
    first, second = Kept("first", told), Kept("second", told)
    with Trackers([first, Greedy(), second]) as trackers:
        trackers.row(1, {"loss": 2.0})
        trackers.row(2, {"loss": 1.0})
        assert first.closed == 0
    assert told == [
        ("first", 1, {"loss": 2.0}),
        ("second", 1, {"loss": 2.0}),
        ("first", 2, {"loss": 1.0}),
        ("second", 2, {"loss": 1.0}),
    ]
    trackers.row(3, {})
    trackers.close()
    assert (first.closed, second.closed, len(told)) == (1, 1, 4)
    assert warned() == []


def test_one_that_raises_is_warned_of_once_and_left_out(warned):
    broken, after = Broken(OSError("no route to host"), at=2), Kept()
    trackers = Trackers([broken, after])
    for step in (1, 2, 3, 4):
        trackers.row(step, {})
    trackers.close()
    assert [step for _, step, _ in broken.told] == [1, 2]
    assert [step for _, step, _ in after.told] == [1, 2, 3, 4]
    assert (broken.closed, after.closed) == (0, 1)
    assert warned() == [
        "tracker Broken failed at step 2 and is left out, training goes on: OSError: no route to host",
    ]


def test_one_that_cannot_be_closed_keeps_no_other_from_it(warned):
    after = Kept()
    Trackers([Broken(ValueError("twice")), after]).close()
    assert after.closed == 1
    assert warned() == [
        "tracker Broken failed while closing and is left out, training goes on: ValueError: twice",
    ]


def test_an_error_that_cannot_say_what_it_is_stops_nothing(monkeypatch):
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError

    monkeypatch.setattr(logging, "raiseExceptions", False)
    after = Kept()
    Trackers([Broken(Mute(), at=1), after]).row(1, {})
    assert len(after.told) == 1


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_what_is_to_end_the_run_ends_it(stop, warned):
    before, after = Kept(), Kept()
    with pytest.raises(stop), Trackers([before, Stopping(stop), after]) as trackers:
        trackers.row(1, {})
    assert (len(before.told), len(after.told)) == (1, 0)
    assert (before.closed, after.closed) == (1, 1)
    assert warned() == []


def test_trackers_may_stand_for_one(warned):
    """One that fails inside does not take its neighbours with it."""
    kept, outside = Kept(), Kept()
    trackers = Trackers([Trackers([Broken(OSError(), at=1), kept]), outside])
    trackers.row(1, {})
    trackers.row(2, {})
    assert len(kept.told) == len(outside.told) == 2
    assert len(warned()) == 1


def test_console_and_monitor_are_trackers(warned):
    stream = io.StringIO()
    with Console(PATIENCE + 2, stream=stream, clock=lambda: 0.0) as console:
        trackers = Trackers([console, Monitor(console.note)])
        for step in range(1, PATIENCE + 3):
            trackers.row(step, {"reward/mean": 0.0})
        trackers.close()
    lines = stream.getvalue().splitlines()
    assert lines[PATIENCE] == (
        f"warning: step {PATIENCE}: reward has been 0 everywhere for {PATIENCE} steps: "
        "problems are too hard, or the verifier never accepts"
    )
    assert [line.split("  ")[0] for line in lines if line.startswith("step")] == [
        f"step {step}/{PATIENCE + 2}" for step in range(1, PATIENCE + 3)
    ]
    assert sum(line.startswith("warning") for line in lines) == 1
    assert warned() == []


def test_a_console_whose_stream_is_gone_stops_nothing(warned):
    stream, kept = io.StringIO(), Kept()
    stream.close()
    console = Console(3, stream=stream)
    trackers = Trackers([console, Monitor(console.note), kept])
    for step in range(PATIENCE + 2):
        trackers.row(step, {"reward/mean": 1.0})
    assert len(kept.told) == PATIENCE + 2
    assert [line.split(" failed")[0] for line in warned()] == ["tracker Console", "tracker Monitor"]
