"""A run's results are put for people: its table of before and after, and nested tables as rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secondthought.cli.output import write_table, write_text
from secondthought.runs.result_rows import COLUMNS, before_after


def print_summary(run_dir: Path, summary: Mapping[str, Any]) -> None:
    """Print the before/after table of a run, and where its report is."""
    rows = before_after(summary)
    if rows:
        write_table("test problems, percent", COLUMNS, rows)
    report = run_dir / "report.html"
    write_text(f"run: {run_dir}" + (f"\nreport: {report}" if report.is_file() else ""))


def flat(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Return nested tables as rows of a dotted name and a value.

    >>> flat({"a": {"b": 1}, "c": 2})
    [('a.b', 1), ('c', 2)]
    """
    if not isinstance(value, Mapping):
        return [(prefix or "-", value)]
    return [row for name, item in value.items() for row in flat(item, f"{prefix}.{name}" if prefix else str(name))]
