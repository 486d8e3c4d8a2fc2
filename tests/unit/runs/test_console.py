"""The console: a line per step without a terminal, live lines on one, nothing where it is to be quiet."""

import io
import re

import pytest
from rich.cells import cell_len

from secondthought.runs import Console
from tests.support.terminal import Clock, Terminal

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def clock():
    return Clock()


def test_plain_progress_is_one_line_per_step(clock):
    stream = io.StringIO()
    with Console(100, start=0.5, shown=50, stream=stream, clock=clock) as console:
        clock.now = 2.0
        console.row(51, {"reward/mean": 0.25, "policy/kl_ref": float("nan"), "eval/first_try": 0.5})
        console.row(51, {})
        clock.now = 5.0
        console.row(52, {"reward/mean": 0.125, "eval/first_try": float("nan")})
        console.note("saved [best]")
    assert stream.getvalue().splitlines() == [
        "step 51/100  reward .250  first .500  2.0 s/step  1m38s left",
        "step 52/100  reward .125  first .500  2.5 s/step  2m00s left",
        "saved [best]",
    ]


def test_a_run_that_ends_with_its_tokens_shows_its_share_of_them(clock):
    stream = io.StringIO()
    budget = {"done": lambda step, metrics: metrics["tokens/sampled"] / 1000}
    with Console(None, **budget, stream=stream, clock=clock) as console:
        clock.now = 10.0
        console.row(1, {"tokens/sampled": 250})
        clock.now = 20.0
        console.row(2, {"tokens/sampled": 400})
    assert stream.getvalue().splitlines() == [
        "step 1  25% done  10.0 s/step  30s left",
        "step 2  40% done  10.0 s/step  30s left",
    ]


def test_what_came_before_the_steps_says_nothing_about_how_long_they_take(clock):
    stream = io.StringIO()
    with Console(3, stream=stream, clock=clock) as console:
        clock.now = 100.0  # an evaluation before training
        console.begin_steps()
        clock.now = 150.0  # and the validation of step 0
        console.row(0, {"eval/first_try": 0.5})
        clock.now = 152.0
        console.row(1, {})
    assert stream.getvalue().splitlines() == ["step 1/3  first .500  2.0 s/step  4s left"]


def test_live_and_quiet_progress(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with Console(2, stream=stream) as console:
        console.row(1, {"reward/mean": 0.25})
        console.note("hostile [/markup]")
    assert "1/2" in stream.getvalue()
    assert "hostile [/markup]" in stream.getvalue()
    quiet = Terminal()
    with Console(2, stream=quiet, quiet=True) as console, console.stage("x", 1) as stage:
        console.row(1, {})
        console.note("x")
        stage.advance()
    assert quiet.getvalue() == ""


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_line_of_a_step_fits_the_terminal_and_keeps_step_and_time_left(monkeypatch, clock, width):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    stream = Terminal()
    names = ("reward/mean", "eval/first_try", "eval/second_try", "policy/kl_ref", "groups/flat_share")
    with Console(4000, stream=stream, clock=clock) as console:
        clock.now = 30.0
        console.row(1, dict.fromkeys(names, 0.123))
    line = [line for line in ESCAPE.sub("", stream.getvalue()).replace("\r", "\n").splitlines() if "step" in line][-1]
    assert line.startswith("step 1/4000  ")
    assert line.endswith("  30.0 s/step  33h19m left")
    assert cell_len(line) <= width
    assert ("flat" in line) == (width >= 100)
