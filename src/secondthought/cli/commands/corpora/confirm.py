"""`secondthought corpora confirm DIR LABELS` corrects prevalence by what readers say of a sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from secondthought import jsonl
from secondthought.cli.commands.corpora.sample import chosen
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table
from secondthought.config import Config
from secondthought.data.corpora.confirming import DRAWN, ConfirmedMark, confirmed
from secondthought.data.corpora.measure import measured
from secondthought.errors import ConfigError
from secondthought.habits.learned.labels import require_labels
from secondthought.runs.result_rows import percent


class Options(Config):
    """Correct how many documents show a mark by what a judge or people say of a sample.

    LABELS are the rows of `corpora sample` with "counts": {MARK: a number, or null for what cannot be told}, as
    `secondthought habits SAMPLE --keep --detector judge` writes them.
    """

    corpus: Path
    """The folder that `corpora measure` wrote."""
    labels: Path
    """The JSONL file of labelled rows."""
    marks: tuple[str, ...] = ()
    """Which ones; default: all that the labels are about."""
    json_: bool = False
    """One JSON object instead of a table."""


def run(argv: list[str], prog: str) -> None:
    """Show the corrected prevalence of each mark."""
    given = parse(Options, argv, prog, positional=("corpus", "labels"))
    _, counts = measured(given.corpus)
    rows = list(_labelled(given.labels))
    about = {mark for row in rows for mark in row["counts"] if mark in row[DRAWN]}
    marks = chosen(counts, given.marks or tuple(mark for mark in counts.samples if mark in about))
    found = confirmed(counts, rows, marks)
    if given.json_:
        write_line({each.mark: _json(each) for each in found})
        return
    columns = ("mark", "found", "precision", "overlooked", "prevalence", "not told")
    write_table("percent of documents [95 % interval]", columns, [_row(each) for each in found])


def _labelled(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a file of labels.

    Raises:
        ConfigError: a row is none of a sample, or has no labels.
        TaskError: a label is none.
    """
    for line in jsonl.read(path):
        if line.value is None:
            raise ConfigError(f"{path}: line {line.number}: {line.error}")
        if set(line.value) == {"summary"}:
            continue
        for field in (DRAWN, "counts"):
            if not isinstance(line.value.get(field), Mapping):
                remedy = "label the rows of `corpora sample`, and keep their fields (`habits --keep`)"
                raise ConfigError(f"{path}: line {line.number}: field {field!r} is missing; {remedy}")
        require_labels(line.value["counts"], f"{path}: line {line.number}")
        yield line.value


def _row(found: ConfirmedMark) -> list[str]:
    shares = (found.found, found.precision, found.overlooked, found.prevalence)
    return [found.mark, *(percent(share.to_json()) for share in shares), f"{found.unread}"]


def _json(found: ConfirmedMark) -> dict[str, Any]:
    shares = ("found", "precision", "overlooked", "prevalence")
    return {**{name: getattr(found, name).to_json() for name in shares}, "unread": found.unread}
