"""Two files of readings of the same texts are compared here, matched by index: detectors, judges, people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from secondthought import rng
from secondthought.errors import ConfigError
from secondthought.habits.agreement import Agreement, presence_agreement, span_agreement
from secondthought.jsonl import JsonLine
from secondthought.stats import Interval
from secondthought.types import Reading, Span

_UNDEFINED = float("nan")
_FORM = '{"index": 0, "counts": {"NAME": number or null}, "spans": [...]}'


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAgreement:
    """A `FileAgreement` says how far two files agree on every habit that both look for."""

    rows: int
    unmatched: int
    """Rows of one file that the other lacks."""
    per_completion: tuple[Agreement, ...]
    per_span: tuple[Agreement, ...]


def compare(
    reference: Mapping[int, Reading],
    other: Mapping[int, Reading],
    lengths: Mapping[int, int] | None = None,
    least_overlap: float = 0.0,
) -> FileAgreement:
    """Compare the readings of the texts that both files have.

    Args:
        reference: readings by index, taken as the truth.
        other: readings to hold against them.
        lengths: of the texts, in code points; without them kappa of spans is undefined.
        least_overlap: two spans match if their overlap over their union is at least this.

    Raises:
        ConfigError: the files have no text, or no habit, in common.
    """
    shared = _shared(reference, other)
    a, b = [reference[index] for index in shared], [other[index] for index in shared]
    names = _counted_by_all((*a, *b))
    sizes = [_length(index, reference, other, lengths) for index in shared]
    spans = [
        span_agreement(a, b, name, sizes, _generator("spans", name), least_overlap=least_overlap) for name in names
    ]
    if lengths is None:
        spans = [replace(item, kappa=_undefined(item.kappa)) for item in spans]
    return FileAgreement(
        rows=len(shared),
        unmatched=len(reference.keys() ^ other.keys()),
        per_completion=tuple(presence_agreement(a, b, name, _generator("presence", name)) for name in names),
        per_span=tuple(spans),
    )


def readings_by_index(lines: Iterable[JsonLine], file: str) -> dict[int, Reading]:
    """Read what `habits` wrote; rows with an error, and the summary, are left out.

    Raises:
        ConfigError: a row is of another form, or an index comes twice; the sentence names file and line.
    """
    found: dict[int, Reading] = {}
    for line in lines:
        row = line.value
        if row is not None and (set(row) == {"summary"} or ("error" in row and "counts" not in row)):
            continue
        try:
            index, reading = _reading(row or {})
        except (AttributeError, KeyError, TypeError, ValueError):
            wrong = line.error or f"is not of the form {_FORM}"
            raise ConfigError(f"{file}, line {line.number}: {wrong}") from None
        if index in found:
            raise ConfigError(f"{file}, line {line.number}: index {index} comes twice; a text has one row")
        found[index] = reading
    return found


def text_lengths(lines: Iterable[JsonLine]) -> Iterator[tuple[int, int]]:
    """Yield index and length, in code points, of every row that has a text."""
    rows = (line.value or {} for line in lines)
    for index, row in enumerate(row for row in rows if set(row) != {"summary"}):
        text = row.get("completion", row.get("text"))
        if isinstance(text, str):
            yield index, len(text)


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


def _shared(reference: Mapping[int, Reading], other: Mapping[int, Reading]) -> list[int]:
    shared = sorted(reference.keys() & other.keys())
    if not shared:
        rows = f"{len(reference)} and {len(other)} rows"
        raise ConfigError(
            f"the two files ({rows}) have no `index` in common; give outputs of `habits` on the same rows"
        )
    return shared


def _counted_by_all(readings: Sequence[Reading]) -> list[str]:
    names = [name for name in readings[0].counts if all(name in reading.counts for reading in readings)]
    if not names:
        raise ConfigError(
            "the two files have no behaviour in common that every row counts; give outputs of `habits` with the same"
            " --behaviors"
        )
    return names


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
