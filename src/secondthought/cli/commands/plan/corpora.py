"""`secondthought plan corpora INPUT...` tells how long measuring a corpus will take, from a sample of it."""

from __future__ import annotations

import math
import os
from pathlib import Path

from pydantic import Field

from secondthought.cli.commands.corpora.measure import RowFields
from secondthought.cli.commands.plan.tables import human
from secondthought.cli.detectors import behaviors_of
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table, write_text
from secondthought.cli.progress import ProgressFlags, progress
from secondthought.data.corpora.documents import Fields
from secondthought.data.corpora.piece_step import MeasurePieces, Outputs
from secondthought.data.corpora.pieces import PIECE_BYTES, FileFormat, pieces_of, size_of
from secondthought.data.corpora.planning import CorpusPlan, measured_sample
from secondthought.progress.display import duration
from secondthought.stats import Interval

_SAMPLE_PIECE = 4 * 2**20
"""Bytes of the pieces that are sampled: of many small ones more parts of the corpus are seen."""


class Options(ProgressFlags):
    """Estimate how long `corpora measure` will take, and how much it will write.

    Pieces at random are measured on one core for a while; nothing stays of it. A packed file, parquet or WARC is one
    piece, which is measured whole. The estimate holds for cores like this one, and for input that is read as fast.
    """

    inputs: tuple[str, ...] = Field(min_length=1)
    """Files, folders or addresses, as `corpora measure` reads them; a part of them is enough, with --gb."""
    gb: float | None = Field(None, gt=0)
    """Size of the whole corpus as it is stored, in GB; default: that of the inputs."""
    workers: int = Field(os.cpu_count() or 1, ge=1)
    """Cores that will be at work."""
    price: float | None = Field(None, ge=0)
    """Price of a core for an hour: the cost is told, too."""
    seconds: float = Field(20.0, gt=0)
    """How long to measure."""
    format: FileFormat | None = None
    """What all files are; by default the ending of each tells."""
    behaviors: Path | None = None
    """Behaviours of your own in place of the four that ship."""
    json_: bool = False
    """One JSON object instead of a table."""
    fields: RowFields = RowFields()


def run(argv: list[str], prog: str) -> None:
    """Measure a sample and print the estimate."""
    given = parse(Options, argv, prog, positional=("inputs",))
    pieces = tuple(pieces_of(given.inputs, format=given.format, most=_SAMPLE_PIECE))
    step = MeasurePieces(
        pieces=pieces,
        behaviors=behaviors_of(given.behaviors),
        outputs=Outputs(folder=Path()),
        fields=Fields(**given.fields.model_dump()),
    )
    step.outputs.require_packer()
    with progress(given) as shown:
        sample = measured_sample(step, given.seconds, onlooker=shown)
    sizes = [size_of(piece) for piece in pieces_of(given.inputs, format=given.format, most=PIECE_BYTES)]
    size = round(given.gb * 1e9) if given.gb is not None else sum(sizes)
    count = max(1, round(len(sizes) * size / sum(sizes)))
    plan = CorpusPlan(sample=sample, bytes=size, pieces=count, longest=min(max(sizes), size), workers=given.workers)
    cost = None if given.price is None else plan.core_hours * given.price
    if given.json_:
        write_line({**plan.to_json(), "cost": cost})
    else:
        _show(plan, cost)


def _show(plan: CorpusPlan, cost: float | None) -> None:
    rate = 1 / plan.sample.seconds_per_mb.estimate
    rows = [
        ("size", human(plan.bytes)),
        ("documents, about", f"{plan.documents:,}"),
        ("measured here", f"{human(plan.sample.bytes)} in {plan.sample.seconds_per_mb.n} pieces"),
        ("a core reads", f"{rate:.1f} MB a second"),
        ("tasks", f"{plan.tasks:,}"),
        (f"time of {plan.workers} cores", _time(plan.seconds)),
        ("hours of all cores", f"{plan.core_hours:.2f}"),
        ("to be written", human(plan.written)),
        *([("cost", f"{cost:,.2f}")] if cost is not None else []),
    ]
    write_table("an estimate [95 % interval over pieces]", ["", ""], rows)
    write_text("it holds for cores like this one, and for input that is read as fast as here")


def _time(seconds: Interval) -> str:
    """Write seconds with their interval, which may be unknown."""
    if math.isnan(seconds.high):
        return duration(seconds.estimate)
    return f"{duration(seconds.estimate)} [{duration(max(0.0, seconds.low))}, {duration(seconds.high)}]"
