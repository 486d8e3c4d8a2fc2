"""`secondthought habits learn LABELS...` trains the learned detector on texts that were read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table, write_text
from secondthought.cli.progress import ProgressFlags, progress
from secondthought.disk import why_unread
from secondthought.errors import ConfigError
from secondthought.habits.learned import labels, weights
from secondthought.runs.result_rows import number
from secondthought.stats import to_json


class Options(ProgressFlags):
    """Train the learned detector on texts of about 60 words that people or a judge have read.

    Rows are {"text", "reading": {"verification": true, ...}}, or {"text", "counts"} as `habits --keep --detector judge`
    writes them. Rows of one "id" are never learned from and tested on at once. The table tells, by cross-validation,
    how well habits are found in texts that were not learned from, and how well the patterns find them there.
    """

    labels: tuple[Path, ...] = Field(min_length=1)
    """JSON lines of texts that were read."""
    also: tuple[Path, ...] = ()
    """More of them, to learn from and not to test on: finds of a detector, texts that its patterns were made for."""
    out: Path
    """The file for the weights; `--detector learned --weights FILE` reads it."""
    json_: bool = False
    """One JSON object instead of a table."""


def run(argv: list[str], prog: str) -> None:
    """Train, write the weights, and show how good they are."""
    given = parse(Options, argv, prog, positional=("labels",))
    try:
        labelled = [*labels.read(given.labels), *labels.read(given.also, tests=False)]
    except OSError as error:
        raise ConfigError(why_unread(Path(error.filename or given.labels[0]), error)) from None
    from secondthought.habits.learned.training import learn  # numpy and scikit-learn, only where it is done

    with progress(given) as shown:
        found, reports = learn(labelled, shown)
    weights.write(given.out, found)
    rows = [_json(report) for report in reports]
    if given.json_:
        write_line({"out": str(given.out), "texts": len(labelled), "habits": rows})
    else:
        _show(given.out, len(labelled), rows)


def _json(report: Any) -> dict[str, Any]:
    sides = {
        name: {part: _known(getattr(getattr(report, name), part)) for part in ("precision", "recall", "f1")}
        for name in ("patterns", "learned")
    }
    counts = {"habit": report.habit, "windows": report.windows, "shown": report.shown}
    return {**counts, **sides, **to_json({"gain": report.gain}), "brier": report.brier}


def _show(out: Path, texts: int, rows: list[dict[str, Any]]) -> None:
    columns = ["habit", "texts", "show it", "by patterns: precision, recall, F1", "learned", "gain in F1", "Brier"]
    table = [
        [
            row["habit"].replace("_", " "),
            row["windows"],
            row["shown"],
            _scores(row["patterns"]),
            _scores(row["learned"]),
            number(row["gain"]),
            f"{row['brier']:.3f}",
        ]
        for row in rows
    ]
    write_table("found in texts that were not learned from [95 % interval]", columns, table)
    worse = [row["habit"] for row in rows if not row["gain"]["low"] > 0]
    advice = f"; not shown to be better than the patterns: {', '.join(worse)}" if worse else ""
    write_text(f"{out}: learned from {texts} texts{advice}")


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _scores(side: Mapping[str, Any]) -> str:
    return ", ".join("-" if side[part] is None else f"{side[part]:.2f}" for part in ("precision", "recall", "f1"))
