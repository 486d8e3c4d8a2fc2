"""Trackio follows a run in a database on this machine: `trackio show --project secondthought` shows it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secondthought.runs.trackers.identity import identity

PROJECT = "secondthought"


class TrackioTracker:
    """A `TrackioTracker` logs to the project `secondthought`; the service's own variables say where that is kept."""

    def __init__(self, run_dir: Path, settings: Mapping[str, Any]) -> None:
        self._run_dir, self._settings = run_dir, dict(settings)
        self._run: Any = None

    def row(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log the metrics of a step that were measured."""
        with contextlib.redirect_stdout(sys.stderr):  # it greets on stdout, where a command's results go
            if self._run is None:
                self._run = self._open()
            self._run.log({name: value for name, value in metrics.items() if value == value}, step=step)

    def close(self) -> None:
        """Wait until what was logged is stored."""
        if self._run is not None:
            with contextlib.redirect_stdout(sys.stderr):
                self._run.finish()

    def _open(self) -> Any:
        import trackio

        return trackio.init(
            project=PROJECT,
            name=f"{self._run_dir.name}-{identity(self._run_dir)}",
            config=self._settings,
            resume="allow",
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )
