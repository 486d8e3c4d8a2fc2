"""A priming set on disk is a file of JSON lines; one beside it says where the traces come from and what they show."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from secondthought.data.priming.from_search import Trace
from secondthought.runs.files import write_json, write_rows

SCHEMA = 1


def provenance_path(path: Path) -> Path:
    """Return the path of a set's provenance.

    >>> provenance_path(Path("sets/direct.jsonl")).name
    'direct.provenance.json'
    """
    return path.with_name(f"{path.stem}.provenance.json")


def write_set(path: Path, traces: Sequence[Trace], origin: Mapping[str, Any]) -> dict[str, Any]:
    """Write traces and provenance; return the provenance.

    Args:
        path: the JSONL file.
        traces: the lines, in order.
        origin: how they were made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_rows(path, [trace.row() for trace in traces])
    about = {
        "schema": SCHEMA,
        "version": version("secondthought"),
        **origin,
        "count": len(traces),
        "correct": sum(trace.correct for trace in traces),
        "problems": len({trace.problem.id for trace in traces}),
        "mean_characters": _mean([len(trace.completion) for trace in traces]),
        "behaviors": summary(traces),
        "blake2b": hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest(),
    }
    write_json(provenance_path(path), about)
    return about


def summary(traces: Sequence[Trace]) -> dict[str, dict[str, float]]:
    """Count by the detector's readings how many traces show each habit, how often on average, and how many are missing.

    A count that is missing is left out of presence and mean.
    """
    names = traces[0].reading.counts if traces else ()
    found = {}
    for name in names:
        known = [count for trace in traces if (count := trace.reading.counts[name]) is not None]
        found[name] = {
            "present": sum(count > 0 for count in known),
            "mean": _mean(known),
            "missing": len(traces) - len(known),
        }
    return found


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values) if values else float("nan")
