"""Results go to stdout as one JSON object, JSON lines, or rich tables."""

from __future__ import annotations

import math
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from secondthought import jsonl

_UNLIMITED = 2000
_FOLDED, _FOLDS_ANYWHERE = 0.6, 24
"""What a folded cell keeps of its width, and what is ample for any."""


def is_for_people(json: bool) -> bool:
    """Return True if rows are to be put in a table: somebody looks at a terminal, and did not ask for JSON."""
    return not json and sys.stdout.isatty()


def write_line(value: Mapping[str, Any]) -> None:
    """Write one JSON line, at once: a reader may wait for it."""
    sys.stdout.write(jsonl.dumps(value) + "\n")
    sys.stdout.flush()


def write_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a table for people; its form may change. Where a terminal is too narrow, each row is a list of its own."""
    # A file or a pipe has no width: a row is a line there, so that grep finds it whole.
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _UNLIMITED
    texts = [[cell(value) for value in row] for row in rows]
    if not _fits(columns, texts, width):
        _write_lists(title, columns, texts, width)
        return
    from rich.console import Console  # a tenth of a second that JSON output does without
    from rich.table import Table

    table = Table(title=title or None, title_justify="left")
    for place, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[place], (int, float)) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for text in texts:
        table.add_row(*text)
    Console(file=sys.stdout, markup=False, highlight=False, emoji=False, width=width).print(table)


def _fits(columns: Sequence[str], texts: Sequence[Sequence[str]], width: int) -> bool:
    """Return True if a table can be so narrow, and its cells still be read: folded once, between words."""
    needed = (_needed([name, *(row[place] for row in texts)]) for place, name in enumerate(columns))
    return sum(needed) + 3 * len(columns) + 1 <= width


def _needed(cells: Sequence[str]) -> int:
    """Return the columns without which these cells are torn to pieces; long texts fold as often as need be."""
    lines = [line for text in cells for line in text.split("\n")]
    words = [word for line in lines for word in line.split()]
    whole, longest = max(map(len, lines)), max(map(len, words), default=0)
    return min(max(longest, round(_FOLDED * whole)), _FOLDS_ANYWHERE)


def _write_lists(title: str, columns: Sequence[str], texts: Sequence[Sequence[str]], width: int) -> None:
    """Write each row as a list of what its columns are called and what they hold, under its first cell."""
    heads = [" ".join(name.split()) for name in columns]
    lines = [title] if title else []
    for row in texts:
        lines.append(f"{heads[0]} {row[0]}".strip())
        lines += [f"  {head}: {text}" if head else f"  {text}" for head, text in zip(heads[1:], row[1:], strict=True)]
    for line in lines:
        write_text(textwrap.fill(line, width, subsequent_indent="    ", break_on_hyphens=False))


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
