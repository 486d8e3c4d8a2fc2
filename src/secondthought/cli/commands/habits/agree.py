"""`secondthought habits agree REFERENCE OTHER`: how far two readings of the same texts agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from secondthought import jsonl, rng
from secondthought.cli.commands.habits.of_run import number
from secondthought.cli.commands.score import _open as opened
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table
from secondthought.config import Config
from secondthought.errors import ConfigError
from secondthought.habits.agreement import Agreement, presence_agreement, span_agreement
from secondthought.stats import Interval, to_json
from secondthought.types import Reading, Span

_NUMBERS = ("kappa", "precision", "recall", "f1")
_UNDEFINED = float("nan")


class Options(Config):
    """Agreement of two files of {"index", "counts", "spans"}, as `habits` writes them: detectors, judges, people.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Agreement on every behaviour that both files look for, and rows of one file that the other lacks."""

    rows: int
    unmatched: int
    per_completion: tuple[Agreement, ...]
    per_span: tuple[Agreement, ...]


def run(argv: list[str], prog: str) -> None:
    """Print the agreement."""
    given = parse(Options, argv, prog, positional=("reference", "other"))
    lengths = None if given.texts is None else dict(_lengths(str(given.texts)))
    found = compare(readings(given.reference), readings(given.other), lengths, given.least_overlap)
    if given.json_:
        write_line(to_line(found))
        return
    title = f"{found.rows} texts, {found.unmatched} in one file only; against {given.reference} [95 % intervals]"
    columns = ["", "unit", "compared", "missing", "both", "reference only", "other only", *_NUMBERS]
    units = {"completion": found.per_completion, "span": found.per_span}
    rows = [_row(unit, item) for unit, items in units.items() for item in items]
    write_table(title, columns, rows)


def compare(
    reference: Mapping[int, Reading],
    other: Mapping[int, Reading],
    lengths: Mapping[int, int] | None = None,
    least_overlap: float = 0.0,
) -> Found:
    """Agreement on the texts that both have; without lengths, kappa of spans is undefined.

    Raises:
        ConfigError: they have no text, or no behaviour, in common.
    """
    shared = sorted(reference.keys() & other.keys())
    if not shared:
        rows = f"{len(reference)} and {len(other)} rows"
        raise ConfigError(
            f"the two files ({rows}) have no `index` in common; give outputs of `habits` on the same rows"
        )
    a, b = [reference[index] for index in shared], [other[index] for index in shared]
    names = [name for name in a[0].counts if all(name in reading.counts for reading in (*a, *b))]
    if not names:
        raise ConfigError("the two files have no behaviour in common that every row counts")
    sizes = [_length(index, reference, other, lengths) for index in shared]
    spans = [
        span_agreement(a, b, name, sizes, _generator("spans", name), least_overlap=least_overlap) for name in names
    ]
    if lengths is None:
        spans = [replace(item, kappa=_undefined(item.kappa)) for item in spans]
    return Found(
        rows=len(shared),
        unmatched=len(reference.keys() ^ other.keys()),
        per_completion=tuple(presence_agreement(a, b, name, _generator("presence", name)) for name in names),
        per_span=tuple(spans),
    )


def readings(file: str) -> dict[int, Reading]:
    """The rows of a file by their index; rows with an error, and the summary, are left out.

    Raises:
        ConfigError: a row is not one of `habits`, or an index comes twice; the sentence names the line.
    """
    found: dict[int, Reading] = {}
    with opened(file) as lines:
        for line in jsonl.parse(lines):
            row = line.value
            if row is not None and ("summary" in row or "error" in row):
                continue
            try:
                index, reading = _reading(row or {})
            except (AttributeError, KeyError, TypeError, ValueError):
                wanted = '{"index": 0, "counts": {"NAME": number or null}, "spans": [...]}'
                raise ConfigError(
                    f"{file}, line {line.number}: {line.error or f'is not of the form {wanted}'}"
                ) from None
            if index in found:
                raise ConfigError(f"{file}, line {line.number}: index {index} comes twice")
            found[index] = reading
    return found


def to_line(found: Found) -> dict[str, Any]:
    """As JSON."""
    return {
        "rows": found.rows,
        "unmatched": found.unmatched,
        "per_completion": {item.behavior: _json(item) for item in found.per_completion},
        "per_span": {item.behavior: _json(item) for item in found.per_span},
    }


def _reading(row: Mapping[str, Any]) -> tuple[int, Reading]:
    counts = {str(name): _count(value) for name, value in row["counts"].items()}
    spans = tuple(
        Span(behavior=item["behavior"], start=_count(item["start"]), end=_count(item["end"]), text=item.get("text", ""))  # type: ignore[arg-type]
        for item in row.get("spans", ())
    )
    if any(span.start is None or span.end is None or span.end < span.start for span in spans):
        raise ValueError
    index = _count(row["index"])
    if index is None:
        raise ValueError
    return index, Reading(counts=counts, spans=spans)


def _count(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise ValueError


def _lengths(file: str) -> Iterator[tuple[int, int]]:
    with opened(file) as lines:
        rows = (line.value or {} for line in jsonl.parse(lines))
        rows = (row for row in rows if set(row) != {"summary"})
        for index, row in enumerate(rows):
            text = row.get("completion", row.get("text"))
            if isinstance(text, str):
                yield index, len(text)


def _length(
    index: int, reference: Mapping[int, Reading], other: Mapping[int, Reading], lengths: Mapping[int, int] | None
) -> int:
    last = max((span.end for side in (reference, other) for span in side[index].spans), default=0)
    known = last if lengths is None else lengths.get(index, -1)
    if known < last:
        raise ConfigError(f"row {index}: a span ends beyond its text; --texts must be what both files were made from")
    return known


def _undefined(interval: Interval) -> Interval:
    return replace(interval, estimate=_UNDEFINED, low=_UNDEFINED, high=_UNDEFINED)


def _generator(*names: str) -> np.random.Generator:
    return np.random.default_rng(rng.key("habits agree", *names))


def _json(item: Agreement) -> dict[str, Any]:
    counts = {name: getattr(item, name) for name in ("compared", "missing", "both", "only_reference", "only_other")}
    return {**counts, **to_json({name: getattr(item, name) for name in _NUMBERS})}


def _row(unit: str, item: Agreement) -> Sequence[Any]:
    values = _json(item)
    numbers = [number(values[name]) for name in _NUMBERS]
    counts = [values[name] for name in ("compared", "missing", "both", "only_reference", "only_other")]
    return [item.behavior.replace("_", " "), unit, *counts, *numbers]
