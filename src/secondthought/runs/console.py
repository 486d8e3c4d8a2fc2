"""The console shows the steps of a run, and within them whatever stage is under way, on a `progress.display`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TextIO

from secondthought.progress import Stage, Unit
from secondthought.progress.display import Display, duration

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

    It is also an `Onlooker`, for what takes long before, within and after the steps.

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
        self._steps, self._start, self._clock = steps, start, clock
        self._done = done or (lambda step, metrics: step / steps if steps else math.nan)
        self._display = Display(quiet=quiet, stream=stream, clock=clock)
        self._began = clock()
        self._last: dict[str, float] = {}
        self._shown = self._first = shown

    def __enter__(self) -> Console:
        self._display.__enter__()
        self.begin_steps()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def begin_steps(self) -> None:
        """Start the clock of the steps: what came before them says nothing about how long they take."""
        self._began = self._clock()

    def close(self) -> None:
        """Leave the line of the last step as it is; what follows is written below it."""
        self._display.close()

    def row(self, step: int, metrics: Mapping[str, float]) -> None:
        """Show a step that was finished, once, however often it comes."""
        known = {key: value for key, value in metrics.items() if not math.isnan(value)}
        self._last.update({key: known[key] for key in self._names if key in known})
        if step == self._first:
            self.begin_steps()
        if self._display.quiet or step <= self._shown:
            return
        self._shown = step
        done = self._done(step, metrics)
        at = f"step {step}/{self._steps}" if self._steps is not None else f"step {step}  {done:.0%} done"
        values_text = (f"{self._names[key]} {_short(value)}" for key, value in self._last.items())
        self._display.headline([at, *values_text, self._time_left(step, done)])

    def note(self, text: str) -> None:
        """Write a line of its own: a warning, an evaluation's result, where a file is."""
        self._display.note(text)

    def stage(self, what: str, total: float | None = None, unit: Unit = "items") -> AbstractContextManager[Stage]:
        """See `Onlooker`."""
        return self._display.stage(what, total, unit)

    def _time_left(self, step: int, done: float) -> str:
        elapsed = self._clock() - self._began
        left = elapsed * (1.0 - done) / (done - self._start) if done > self._start else math.nan
        return f"{elapsed / (step - self._first):.1f} s/step  {duration(left)} left"


def _short(value: float) -> str:
    return f"{value:.3f}".replace("0.", ".", 1) if 0 <= value < 1 else f"{value:.3g}"
