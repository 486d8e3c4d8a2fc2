"""Results go to stdout as one JSON object, JSON lines, or rich tables."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from secondthought import jsonl

_UNLIMITED = 2000


def write_line(value: Mapping[str, Any]) -> None:
    """Write one JSON line, at once: a reader may wait for it."""
    sys.stdout.write(jsonl.dumps(value) + "\n")
    sys.stdout.flush()


def write_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a table for people; its form may change."""
    from rich.console import Console  # a tenth of a second that JSON output does without
    from rich.table import Table

    table = Table(title=title or None, title_justify="left")
    for place, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[place], (int, float)) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    # A file or a pipe has no width: a row is a line there, so that grep finds it whole.
    width = None if sys.stdout.isatty() else _UNLIMITED
    Console(file=sys.stdout, markup=False, highlight=False, emoji=False, width=width).print(table)


def write_text(text: str) -> None:
    """Write one line for people."""
    sys.stdout.write(text + "\n")


def cell(value: Any) -> str:
    """Return a value as a table shows it.

    >>> cell(0.12345), cell(float("nan")), cell(None), cell([1, 2])
    ('0.123', '-', '-', '[1, 2]')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
