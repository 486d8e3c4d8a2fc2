"""A run directory holds what was asked of a run and what happened in it. Files are the truth; no torch is needed."""

from secondthought.runs.checkpoints import Checkpoints
from secondthought.runs.console import Console
from secondthought.runs.directory import RunDirectory, Status
from secondthought.runs.listing import RunRow, list_runs, show_run
from secondthought.runs.recorder import Recorder, read_metrics
from secondthought.runs.trackers import Tracker, Trackers

__all__ = [
    "Checkpoints",
    "Console",
    "Recorder",
    "RunDirectory",
    "RunRow",
    "Status",
    "Tracker",
    "Trackers",
    "list_runs",
    "read_metrics",
    "show_run",
]
