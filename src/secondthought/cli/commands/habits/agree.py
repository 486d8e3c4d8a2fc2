"""`secondthought habits agree REFERENCE OTHER` tells how far two readings of the same texts agree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from secondthought import jsonl
from secondthought.cli.input import opened
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table
from secondthought.config import Config
from secondthought.habits.agreement import Agreement
from secondthought.habits.compare import FileAgreement, compare, readings_by_index, text_lengths
from secondthought.runs.result_rows import number
from secondthought.stats import to_json
from secondthought.types import Reading

_NUMBERS = ("kappa", "precision", "recall", "f1")
_COUNTS = ("compared", "missing", "both", "only_reference", "only_other")


class Options(Config):
    """Compare two files of {"index", "counts", "spans"}, as `habits` writes them: detectors, judges, people.

    Rows are matched by `index`. Kappa treats both alike; precision and recall take REFERENCE as the truth. Once per
    completion (is it shown at all), and once per span, for rows with as many spans as their count.
    """

    reference: str
    """JSON lines, taken as the truth; - is stdin."""
    other: str
    """JSON lines to hold against them."""
    texts: Path | None = None
    """The JSON lines that both were made from: kappa of spans needs to know how long each text is."""
    least_overlap: float = Field(0.0, ge=0, le=1)
    """Two spans match if their overlap over their union is at least this; 0: if they overlap at all."""
    json_: bool = False
    """One JSON object instead of a table."""


def run(argv: list[str], prog: str) -> None:
    """Print how far the two files agree."""
    given = parse(Options, argv, prog, positional=("reference", "other"))
    lengths = None if given.texts is None else _lengths(str(given.texts))
    found = compare(_readings(given.reference), _readings(given.other), lengths, given.least_overlap)
    if given.json_:
        write_line(_line(found))
        return
    title = f"{found.rows} texts, {found.unmatched} in one file only; against {given.reference} [95 % intervals]"
    columns = ["", "unit", "compared", "missing", "both", "reference only", "other only", *_NUMBERS]
    units = {"completion": found.per_completion, "span": found.per_span}
    write_table(title, columns, [_row(unit, item) for unit, items in units.items() for item in items])


def _readings(file: str) -> dict[int, Reading]:
    with opened(file) as lines:
        return readings_by_index(jsonl.parse(lines), file)


def _lengths(file: str) -> dict[int, int]:
    with opened(file) as lines:
        return dict(text_lengths(jsonl.parse(lines)))


def _line(found: FileAgreement) -> dict[str, Any]:
    return {
        "rows": found.rows,
        "unmatched": found.unmatched,
        "per_completion": {item.behavior: _json(item) for item in found.per_completion},
        "per_span": {item.behavior: _json(item) for item in found.per_span},
    }


def _json(item: Agreement) -> dict[str, Any]:
    counts = {name: getattr(item, name) for name in _COUNTS}
    return {**counts, **to_json({name: getattr(item, name) for name in _NUMBERS})}


def _row(unit: str, item: Agreement) -> Sequence[Any]:
    values = _json(item)
    numbers = [number(values[name]) for name in _NUMBERS]
    return [item.behavior.replace("_", " "), unit, *(values[name] for name in _COUNTS), *numbers]
