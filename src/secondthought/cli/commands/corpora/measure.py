"""`secondthought corpora measure INPUT...` tells how often documents of large collections show habits."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from secondthought.cli.detectors import behaviors_of
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table, write_text
from secondthought.cli.progress import ProgressFlags, progress
from secondthought.config import Config
from secondthought.data.corpora.counts import CorpusCounts, SourceCounts, marks_in
from secondthought.data.corpora.documents import Fields
from secondthought.data.corpora.executors import ExecutorName
from secondthought.data.corpora.measure import measure
from secondthought.data.corpora.piece_step import MeasurePieces, Outputs
from secondthought.data.corpora.pieces import PIECE_BYTES, FileFormat, pieces_of, size_of
from secondthought.data.corpora.running import How
from secondthought.disk import new_file
from secondthought.errors import ConfigError
from secondthought.runs.result_rows import percent


class RowFields(Config):
    """Where a row holds what is wanted of it."""

    text: str = "text"
    id: str = "id"
    source: str = "source"
    """A row without it counts for the folder or file that it was given in."""
    licence: str = "licence"


class Options(ProgressFlags):
    """Measure which habits documents show, and whether they set problems and solve them.

    An input is a file, a folder, or an address such as hf://datasets/OWNER/NAME. Below OUT each document is written
    with the count of each mark in it (`documents/`), what could not be read with its place (`set-aside/`), and a
    picture of the table (`prevalence.svg`). The same command goes on after a stop.
    """

    inputs: tuple[str, ...] = Field(min_length=1)
    """Files, folders or addresses: JSONL, parquet, WARC or plain text, packed or not."""
    out: Path
    """The folder for the measured documents."""
    format: FileFormat | None = None
    """What all files are; by default the ending of each tells."""
    behaviors: Path | None = None
    """Behaviours of your own in place of the four that ship: a TOML file, or a folder of them."""
    executor: ExecutorName = "local"
    """Who runs the tasks: this machine, a Ray cluster, or Slurm; to Slurm they are only submitted, and the same command
    later shows the table."""
    workers: int = Field(os.cpu_count() or 1, ge=1)
    """Tasks at once."""
    executor_options: dict[str, Any] = Field(default_factory=dict)
    """Options of `datatrove`'s executor: --executor-options.partition NAME --executor-options.time 04:00:00."""
    piece_mb: float = Field(PIECE_BYTES / 2**20, gt=0)
    """Size of the pieces: what a stop costs at most, for each worker."""
    plain: bool = False
    """Write the documents as they are, not packed as zstd."""
    json_: bool = False
    """One JSON object instead of a table."""
    fields: RowFields = RowFields()


def run(argv: list[str], prog: str) -> None:
    """Measure the inputs and show the table.

    Raises:
        ConfigError: no document could be read.
    """
    given = parse(Options, argv, prog, positional=("inputs",))
    step = MeasurePieces(
        pieces=tuple(pieces_of(given.inputs, format=given.format, most=max(1, round(given.piece_mb * 2**20)))),
        behaviors=behaviors_of(given.behaviors),
        outputs=Outputs(folder=given.out.expanduser().absolute(), packed=not given.plain),
        fields=Fields(**given.fields.model_dump()),
    )
    how = How(executor=given.executor, workers=given.workers, options=given.executor_options)
    with progress(given) as shown:
        counts = measure(step, how, shown)
    if counts is None:
        write_text(f"{given.out}: submitted; give the same command again to see what is measured")
        return
    if not counts.sources:
        raise ConfigError(f"no document could be read; the first: {_first_set_aside(step.outputs)}")
    _draw(step.outputs.folder, counts)
    _show(given, counts, sum(map(size_of, step.pieces)))


def _first_set_aside(outputs: Outputs) -> str:
    """Say what was wrong with the first document."""
    first = json.loads(outputs.set_aside(min(outputs.numbers_set_aside())).read_text("utf-8").partition("\n")[0])
    remedy = "; --fields names where a row holds it" if first["reason"].startswith("field ") else ""
    return f"{first['path']}, at {first['place']}: {first['reason']}{remedy}"


def _draw(out: Path, counts: CorpusCounts) -> None:
    """Write the picture of the table."""
    from secondthought.report.page.prevalence_chart import prevalence_chart  # jinja2's escapes, only where it is drawn

    sources = sorted(counts.sources.items())
    shares = {name: {mark: source.prevalence(mark) for mark in marks_in(counts)} for name, source in sources}
    with new_file(out / "prevalence.svg") as file:
        file.write(prevalence_chart(shares))


def _show(given: Options, counts: CorpusCounts, size: int) -> None:
    if given.json_:
        write_line({"out": str(given.out), **_json(counts)})
        return
    marks = marks_in(counts)
    rows = [_row(name, source, marks) for name, source in sorted(counts.sources.items())]
    rows += [_row("all", counts.total(), marks)] if len(rows) > 1 else []
    write_table("percent of documents that show it [95 % interval]", ["source", "documents", *marks], rows)
    write_text(f"{given.out}: {size / 1e6:.1f} MB read" + _aside(given.out, counts.set_aside))


def _row(name: str, source: SourceCounts, marks: tuple[str, ...]) -> list[str]:
    return [name, f"{source.documents}", *(percent(source.prevalence(mark).to_json()) for mark in marks)]


def _aside(out: Path, count: int) -> str:
    return f"; set aside, since they could not be read: {count} ({out / 'set-aside'})" if count else ""


def _json(counts: CorpusCounts) -> Mapping[str, Any]:
    sources = {name: source.to_json() for name, source in sorted(counts.sources.items())}
    return {"sources": sources, "all": counts.total().to_json(), "set_aside": counts.set_aside}
