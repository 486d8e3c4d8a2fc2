"""Verdicts are written as JSON lines, one for each row as soon as it is judged, or as tables for people."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Protocol

from secondthought.cli.output import write_line, write_table
from secondthought.stats import wilson
from secondthought.tasks.scoring import ScoredRow, ScoreTotals

_ROWS = 20
"""Rows that the table of verdicts shows."""
_END = 48
"""Characters of a completion that it shows: its end, where the answer stands."""


class VerdictOutput(Protocol):
    """A `VerdictOutput` takes rows as they are judged."""

    def row(self, scored: ScoredRow) -> None:
        """Take a row with its verdict."""
        ...

    def bad(self, index: int, error: str) -> None:
        """Take a row that could not be judged."""
        ...

    def end(self, totals: ScoreTotals) -> None:
        """Take the totals when no more rows come."""
        ...


class VerdictLines:
    """`VerdictLines` write every row at once, in constant memory."""

    def row(self, scored: ScoredRow) -> None:
        """See `VerdictOutput`."""
        sys.stdout.write(scored.line + "\n")
        sys.stdout.flush()

    def bad(self, index: int, error: str) -> None:
        """See `VerdictOutput`."""
        write_line({"index": index, "error": error})

    def end(self, totals: ScoreTotals) -> None:
        """See `VerdictOutput`."""
        write_line({"summary": totals.to_json()})


class VerdictTable:
    """A `VerdictTable` keeps the first rows, and shows them with the totals of all."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, str, str, str, str]] = []

    def row(self, scored: ScoredRow) -> None:
        """See `VerdictOutput`."""
        value = scored.value
        verdict = "right" if value["correct"] else "wrong"
        self._keep(value["index"], verdict, f"{value['reward']:.3g}", value["reason"], _end_of(value["completion"]))

    def bad(self, index: int, error: str) -> None:
        """See `VerdictOutput`."""
        self._keep(index, "not judged", "-", error, "")

    def end(self, totals: ScoreTotals) -> None:
        """See `VerdictOutput`."""
        if self._rows:
            more = f"the first {_ROWS} of {totals.rows} rows; --json writes all" if totals.rows > _ROWS else ""
            write_table(more, ["row", "verdict", "reward", "reason", "the completion's end"], self._rows)
        write_table("all rows", ["", "rows", "percent [95 % interval]"], list(_totals(totals)))

    def _keep(self, index: int, verdict: str, reward: str, reason: str, end: str) -> None:
        if len(self._rows) < _ROWS:
            self._rows.append((index, verdict, reward, reason, end))


def _totals(totals: ScoreTotals) -> Iterator[tuple[str, int, str]]:
    judged = totals.rows - totals.errors
    yield "right", totals.correct, _share(totals.correct, judged)
    for reason, count in totals.reasons.most_common():
        yield f"  reason: {reason}", count, _share(count, judged)
    yield "judged", judged, "-"
    if totals.errors:
        yield "not judged", totals.errors, "-"


def _share(count: int, of: int) -> str:
    found: Any = wilson(count, of)
    return "-" if not of else f"{100 * found.estimate:.1f} [{100 * found.low:.1f}, {100 * found.high:.1f}]"


def _end_of(text: str) -> str:
    r"""Return the end of a text in one line.

    >>> _end_of("I think\n<answer>3</answer>")
    'I think <answer>3</answer>'
    """
    line = " ".join(text[-4 * _END :].split())
    return line if len(line) <= _END else f"...{line[3 - _END :]}"
