"""The recorder writes what happens in a run as it happens: metrics row by row, groups step by step.

A row is in the file before `metrics` returns, so a killed process loses no finished step; at worst its last line is
torn, which every reader here passes over and the next writer cuts off.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from secondthought import jsonl
from secondthought.errors import RunError
from secondthought.runs import files
from secondthought.runs.directory import RunDirectory


class Recorder:
    """A `Recorder` is the only writer of a run's metrics and episodes."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        _cut_torn_line(run.metrics_path)

    def metrics(self, step: int, values: Mapping[str, float | int | None]) -> None:
        """Append one row. NaN is written as null.

        Raises:
            RunError: the disk is full; the file then ends with the row before.
        """
        line = (jsonl.dumps({"step": step, **values}) + "\n").encode()
        with files.disk_errors(self._run.metrics_path):
            _append(self._run.metrics_path, line)

    def episodes(self, step: int, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write the groups of one step (see `runs.records`)."""
        files.write_rows(self._run.episodes_path(step), rows)

    def truncate_after(self, step: int, *, unrecorded: bool = False) -> None:
        """Forget everything after a step, and its own row if it is `unrecorded`: what is about to be done again."""
        path = self._run.metrics_path
        if path.exists():
            last = step - unrecorded
            files.write_rows(path, [row for row in files.read_rows(path) if row["step"] <= last])
        with files.disk_errors(path):
            for later in self._run.episode_steps():
                if later > step:
                    files.remove(self._run.episodes_path(later))


def read_metrics(path: Path) -> list[dict[str, float]]:
    """Read the rows of a metrics file, null as NaN; empty if there is no file yet.

    Raises:
        RunError: a line other than a torn last one is damaged, or a row has no step.
    """
    if not path.exists():
        return []
    rows = []
    for number, row in enumerate(files.read_rows(path), start=1):
        if not isinstance(row.get("step"), int):
            raise RunError(f"{path}: row {number} has no whole number as step")
        rows.append({key: _number(value) for key, value in row.items()})
    return rows


def _number(value: Any) -> float:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else float("nan")


def _append(path: Path, line: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        try:
            written = 0
            while written < len(line):
                written += os.write(descriptor, line[written:])
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


def _cut_torn_line(path: Path) -> None:
    if not path.exists():
        return
    content = path.read_bytes()
    if not content.endswith(b"\n"):
        with files.disk_errors(path):
            os.truncate(path, content.rfind(b"\n") + 1)
