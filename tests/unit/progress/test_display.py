"""The display: how far work is and how long it will take, on terminals of any width, in a log, or not at all."""

import io
import re
import sys

import pytest
from rich.cells import cell_len

from secondthought.progress.display import Display, say
from tests.support.terminal import Clock, Terminal

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def of(width):
        monkeypatch.setenv("COLUMNS", str(width))
        return Terminal()

    return of


def work(display, clock, *, items, seconds):
    """Work off items, each in so many seconds; return when it is done."""
    with display.stage("problems", items) as stage:
        for _ in range(items):
            clock.now += seconds
            stage.advance()


def test_a_log_gets_a_line_now_and_then_with_the_time_left(clock):
    stream = io.StringIO()
    with Display(stream=stream, clock=clock) as display, display.stage("evaluation", 3):
        work(display, clock, items=100, seconds=1.0)
    assert stream.getvalue().splitlines() == [
        "evaluation (1 of 3): problems  5/100  5%  1m35s left",
        "evaluation (1 of 3): problems  10/100  10%  1m30s left",
        "evaluation (1 of 3): problems  20/100  20%  1m20s left",
        "evaluation (1 of 3): problems  40/100  40%  1m00s left",
        "evaluation (1 of 3): problems  80/100  80%  20s left",
    ]


def test_a_log_gets_a_line_a_minute_at_most_when_it_takes_hours(clock):
    stream = io.StringIO()
    with Display(stream=stream, clock=clock) as display:
        work(display, clock, items=10_000, seconds=1.0)
    assert 150 < len(stream.getvalue().splitlines()) < 180


def test_what_takes_less_than_five_seconds_says_nothing_in_a_log(clock):
    stream = io.StringIO()
    with Display(stream=stream, clock=clock) as display:
        work(display, clock, items=4, seconds=1.0)
    assert stream.getvalue() == ""


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_a_log_has_no_escape_code_and_no_carriage_return(clock, monkeypatch, variable):
    monkeypatch.setenv(variable, "1")
    stream = io.StringIO()
    with Display(stream=stream, clock=clock) as display:
        work(display, clock, items=100, seconds=1.0)
        display.note("a note")
    assert "left" in stream.getvalue()
    assert not {"\x1b", "\r"} & set(stream.getvalue())


def test_a_terminal_that_can_draw_nothing_gets_what_a_log_gets(clock, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with Display(stream=stream, clock=clock) as display:
        work(display, clock, items=10, seconds=1.0)
    assert stream.getvalue().startswith("problems  5/10  50%  5s left\n")
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_live_lines_fit_any_terminal(clock, terminal, width):
    stream = terminal(width)
    with Display(stream=stream, clock=clock) as display, display.stage("evaluation of a-model-with-a-long-name", 12):
        work(display, clock, items=1000, seconds=1.0)
    lines = [ESCAPE.sub("", line) for line in re.split(r"[\r\n]", stream.getvalue())]
    assert max(map(cell_len, lines)) <= width
    assert any("500/1,000" in line for line in lines) == (width >= 20)
    assert any("50%  8m20s left" in line for line in lines) == (width >= 40)
    assert any("evaluation of" in line for line in lines) == (width >= 80)


def test_no_color_leaves_no_color(clock, terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    stream = terminal(80)
    with Display(stream=stream, clock=clock) as display:
        work(display, clock, items=100, seconds=1.0)
    assert not re.search(r"\x1b\[[0-9;]*m", stream.getvalue())


@pytest.mark.parametrize(
    ("what", "done", "line"),
    [
        (("problems", 10), 0, "problems  0/10  0%  6s so far, time left unknown"),
        (("rows", None), 1234, "rows  1,234  6s so far"),
        (("loading small", None), 0, "loading small  6s so far"),
        (("rows.jsonl", 1000, "bytes"), 250, "rows.jsonl  25%  18s left"),
        (("problems", 3), 4, "problems  3/3  100%  0s left"),  # two processes share three problems
    ],
)
def test_what_is_not_known_is_said_to_be_unknown(clock, what, done, line):
    stream = io.StringIO()
    with Display(stream=stream, clock=clock) as display, display.stage(*what) as stage:
        clock.now = 6.0
        stage.advance(done)
    assert stream.getvalue() == f"{line}\n"


def test_what_is_said_stands_above_the_live_lines(clock, terminal, monkeypatch):
    stream = terminal(80)
    monkeypatch.setattr(sys, "stderr", stream)
    with Display(clock=clock) as display, display.stage("problems", 10) as stage:
        stage.advance()
        say("a log line")
    say("and one after")
    lines = ESCAPE.sub("", stream.getvalue()).replace("\r", "\n").splitlines()
    assert "a log line" in [line.strip() for line in lines]
    assert lines[-1] == "and one after"


def test_an_error_leaves_the_terminal_as_it_was(clock, terminal):
    stream = terminal(80)
    with pytest.raises(KeyboardInterrupt), Display(stream=stream, clock=clock) as display, display.stage("problems", 9):
        raise KeyboardInterrupt
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h") == 1
