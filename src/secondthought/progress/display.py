"""The display draws progress on stderr: live lines on a terminal, elsewhere a plain line now and then, or nothing.

It has no thread and no timer: it draws when it is told something, at most ten times a second on a terminal. Time left
is the time per item that is done times the items that are left, and unknown while none is done.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from secondthought.progress import Stage, Unit

if TYPE_CHECKING:
    from secondthought.progress.live_lines import LiveLines

_REDRAW_SECONDS = 0.1
_FIRST_LINE_SECONDS = 5.0
"""Without a terminal: what takes less than this says nothing."""
_RAREST_LINE_SECONDS = 60.0
_BETWEEN = "  "


_drawing: list[Display] = []
"""Displays with live lines on a terminal: there is one stderr, whoever writes to it."""


def say(line: str) -> None:
    """Write a line to stderr, above the live lines that stand there."""
    if _drawing:
        _drawing[-1].note(line)
    else:
        sys.stderr.write(line + "\n")


class Display:
    """A `Display` is an `Onlooker` that people read; stages are told of while it is open.

    Args:
        quiet: nothing is drawn.
        stream: where to; default: stderr.
        clock: seconds, monotonic.
    """

    def __init__(
        self, *, quiet: bool = False, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.quiet, self.clock = quiet, clock
        self._stream = sys.stderr if stream is None else stream
        self._live: LiveLines | None = None
        self._headline: Sequence[str] = ()
        self._stages: list[_Stage] = []
        self._began = self._last_line = clock()
        self._last_draw = -math.inf

    def __enter__(self) -> Display:
        self._began = self._last_line = self.clock()
        if not self.quiet and self._stream.isatty():
            from secondthought.progress.live_lines import LiveLines  # rich is loaded where it draws only

            if LiveLines.possible(self._stream):
                self._live = LiveLines(self._stream)
                _drawing.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the headline as it is, and nothing else; what follows is written below it."""
        live, self._live = self._live, None
        if live is not None:
            _drawing.remove(self)
            live.close(self._headline)

    def note(self, text: str) -> None:
        """Write a line of its own: a warning, an evaluation's result, where a file is."""
        if self.quiet:
            return
        if self._live is not None:
            self._live.note(text)
        else:
            self._write(text)

    def headline(self, parts: Sequence[str]) -> None:
        """Put a line above the stages; without a terminal it is written at once.

        Args:
            parts: where they do not fit, the first and the last are kept.
        """
        self._headline = parts
        if self._live is not None:
            self._draw()
        elif not self.quiet:
            self._write(_BETWEEN.join(parts))

    @contextmanager
    def stage(self, what: str, total: float | None = None, unit: Unit = "items") -> Iterator[Stage]:
        """See `Onlooker`."""
        stage = _Stage(what, total, unit, self._told, self.clock)
        self._stages.append(stage)
        try:
            self._told()
            yield stage
            self._told()
        finally:
            self._stages.remove(stage)

    def _told(self) -> None:
        if self.quiet:
            return
        now = self.clock()
        if self._live is not None:
            if now - self._last_draw >= _REDRAW_SECONDS:
                self._last_draw = now
                self._draw()
        elif now - self._last_line >= min(max((now - self._began) / 2, _FIRST_LINE_SECONDS), _RAREST_LINE_SECONDS):
            names, numbers = self._under_way()
            self._write(_BETWEEN.join((": ".join(names), *numbers)))

    def _draw(self) -> None:
        if self._live is not None:
            self._live.draw(self._headline, *self._under_way())

    def _under_way(self) -> tuple[list[str], list[str]]:
        """Return the names of the stages, and the numbers of the innermost."""
        if not self._stages:
            return [], []
        *outer, inner = self._stages
        return [*(stage.name_and_place() for stage in outer), inner.what], inner.numbers()

    def _write(self, line: str) -> None:
        self._last_line = self.clock()
        self._stream.write(line + "\n")
        self._stream.flush()


class _Stage:
    """A `_Stage` knows what was done of it and since when."""

    def __init__(
        self, what: str, total: float | None, unit: Unit, told: Callable[[], None], clock: Callable[[], float]
    ) -> None:
        self.what, self._total, self._unit, self._told, self._clock = what, total, unit, told, clock
        self._done, self._began = 0.0, clock()

    def advance(self, count: float = 1) -> None:
        self._done += count
        self._told()

    def beat(self) -> None:
        self._told()

    def name_and_place(self) -> str:
        """Return the name, and which part of how many is under way."""
        if self._total is None:
            return self.what
        return f"{self.what} ({min(self._done + 1, self._total):.0f} of {self._total:.0f})"

    def numbers(self) -> list[str]:
        """Return how much is done, and the time that is left."""
        elapsed, done, total = self._clock() - self._began, self._done, self._total
        so_far = f"{duration(elapsed)} so far"
        if total is None:
            return [*([f"{done:,.0f}"] if done and self._unit == "items" else []), so_far]
        done = min(done, total)
        share = [f"{done / total:.0%}"] if total else []
        counted = [f"{done:,.0f}/{total:,.0f}"] if self._unit == "items" else []
        left = f"{duration(elapsed * (total - done) / done)} left" if done else f"{so_far}, time left unknown"
        return [*counted, *share, left]


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
