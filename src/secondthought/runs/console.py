"""The console shows progress on stderr: a live line on a terminal, a plain line per step elsewhere, or nothing."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TextIO

from rich.console import Console as RichConsole
from rich.progress import BarColumn, Progress, TaskID, TextColumn

SHOWN = {
    "reward/mean": "reward",
    "eval/first_try": "first",
    "eval/second_try": "second",
    "policy/kl_ref": "kl",
    "groups/flat_share": "flat",
}
"""The progress line shows these metrics under these names. Evaluations keep their last value."""


class Console:
    """A `Tracker` that shows how a run gets on, by steps or by its share of a token budget where that ends the run.

    Args:
        steps: how many there will be; None where a token budget ends the run.
        done: the share of the run that is done, given a step and its metrics; default: its share of `steps`.
        start: the share that was done before (a resumed run).
        shown: steps that were shown before.
        names: the metrics on the line, and what they are called there.
    """

    def __init__(
        self,
        steps: int | None,
        *,
        done: Callable[[int, Mapping[str, float]], float] | None = None,
        start: float = 0.0,
        shown: int = 0,
        names: Mapping[str, str] = SHOWN,
        quiet: bool = False,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._names = names
        self._steps, self._start, self._quiet, self._clock = steps, start, quiet, clock
        self._done = done or (lambda step, metrics: step / steps if steps else math.nan)
        self._stream = sys.stderr if stream is None else stream
        self._began = clock()
        self._last: dict[str, float] = {}
        self._shown = self._first = shown
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Console:
        self._began = self._clock()
        if not self._quiet and self._stream.isatty():
            self._progress = Progress(
                BarColumn(bar_width=24),
                TextColumn("{task.description}", markup=False),
                console=RichConsole(file=self._stream),
            )
            self._task = self._progress.add_task("", total=1.0)
            self._progress.update(self._task, completed=self._start)
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the live line as it is; what follows is written below it."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def row(self, step: int, metrics: Mapping[str, float]) -> None:
        """Show a step that was finished, once, however often it comes."""
        known = {key: value for key, value in metrics.items() if not math.isnan(value)}
        self._last.update({key: known[key] for key in self._names if key in known})
        if self._quiet or step <= self._shown:
            return
        self._shown = step
        done = self._done(step, metrics)
        at = f"step {step}/{self._steps}" if self._steps is not None else f"step {step}  {done:.0%} done"
        values_text = (f"{self._names[key]} {_short(value)}" for key, value in self._last.items())
        text = "  ".join([at, *values_text, self._time_left(step, done)])
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, description=text)
        else:
            self._stream.write(text + "\n")
            self._stream.flush()

    def note(self, text: str) -> None:
        """Write a line of its own: a warning, an evaluation's result, where a file is."""
        if self._quiet:
            return
        if self._progress is not None:
            self._progress.console.print(text, markup=False, highlight=False)
        else:
            self._stream.write(text + "\n")
            self._stream.flush()

    def _time_left(self, step: int, done: float) -> str:
        elapsed = self._clock() - self._began
        left = elapsed * (1.0 - done) / (done - self._start) if done > self._start else math.nan
        return f"{elapsed / (step - self._first):.1f} s/step  {duration(left)} left"


def duration(seconds: float) -> str:
    """Write a time for people; `?` where it is not known.

    >>> duration(7), duration(245), duration(7384)
    ('7s', '4m05s', '2h03m')
    """
    if math.isnan(seconds):
        return "?"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def _short(value: float) -> str:
    return f"{value:.3f}".replace("0.", ".", 1) if 0 <= value < 1 else f"{value:.3g}"
