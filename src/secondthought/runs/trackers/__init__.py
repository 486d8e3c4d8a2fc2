"""Trackers follow a run step by step: the console, the monitor, and any that a caller adds.

They only look on. The row of a step is in the run's metrics file before a tracker is told of it, and a tracker that
fails is left out while training goes on; a metrics file that cannot be written stops the run (`runs.recorder`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Protocol

logger = logging.getLogger(__name__)


class Tracker(Protocol):
    """A tracker is told of each step of a run, in the first of its processes, as soon as the step is recorded."""

    def row(self, step: int, metrics: Mapping[str, float]) -> None:
        """Take the metrics of a step; NaN is what was not measured. Training waits until this returns.

        A resumed run goes on after its last checkpoint: steps behind it that were told of before come again.
        """
        ...

    def close(self) -> None:
        """Finish when no more steps come, however the run ended."""
        ...


class Trackers:
    """A tracker that passes everything on to several, in order.

    One that raises is warned of by name and left out from then on. Ctrl-C in a tracker still ends the run.
    """

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self._trackers = list(trackers)

    def __enter__(self) -> Trackers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def row(self, step: int, metrics: Mapping[str, float]) -> None:
        """Tell each tracker of a step; each gets a copy of its own."""
        for tracker in tuple(self._trackers):
            try:
                tracker.row(step, dict(metrics))
            except Exception as error:
                self._leave_out(tracker, f"at step {step}", error)

    def close(self) -> None:
        """Close each tracker, once."""
        for tracker in tuple(self._trackers):
            try:
                tracker.close()
            except Exception as error:
                self._leave_out(tracker, "while closing", error)
        self._trackers.clear()

    def _leave_out(self, tracker: Tracker, when: str, error: Exception) -> None:
        self._trackers = [other for other in self._trackers if other is not tracker]
        # Through the log and not the console: it may be the console that failed, and --quiet must not hide this.
        kind, name = type(error).__name__, type(tracker).__name__
        logger.warning("tracker %s failed %s and is left out, training goes on: %s: %s", name, when, kind, error)
        logger.debug("traceback of the tracker", exc_info=error)
