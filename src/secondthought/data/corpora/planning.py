"""What measuring a corpus will take is told beforehand, from pieces of it that are measured on one core."""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from secondthought import rng
from secondthought.data.corpora.counts import CorpusCounts
from secondthought.data.corpora.piece_step import MeasurePieces
from secondthought.data.corpora.running import MOST_TASKS
from secondthought.errors import ConfigError
from secondthought.progress import SILENT, Onlooker
from secondthought.stats import Interval, Ratio, to_json

_MB = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSample:
    """A `MeasuredSample` holds some pieces of a corpus that were measured on one core."""

    bytes: int
    """As they are stored."""
    documents: int
    written: int
    """Bytes of measured documents."""
    seconds_per_mb: Interval
    """Of one core; its interval is over pieces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusPlan:
    """A `CorpusPlan` says what a corpus of a size will take, if the rest of it is like the sample."""

    sample: MeasuredSample
    bytes: int
    pieces: int
    longest: int
    """Bytes of the largest piece: a packed file is not cut."""
    workers: int

    @property
    def tasks(self) -> int:
        """Return how many tasks an executor is given."""
        return min(self.pieces, MOST_TASKS)

    @property
    def seconds(self) -> Interval:
        """Return the seconds until the last worker is done: as many pieces each, the last one in part."""
        rounds = math.ceil(self.tasks / self.workers) * self.pieces / self.tasks
        mb = max(self.longest, min(rounds * self.bytes / self.pieces, self.bytes)) / _MB
        per_mb = self.sample.seconds_per_mb
        return Interval(estimate=per_mb.estimate * mb, low=per_mb.low * mb, high=per_mb.high * mb, n=per_mb.n)

    @property
    def core_hours(self) -> float:
        """Return the hours of all cores together."""
        return self.sample.seconds_per_mb.estimate * self.bytes / _MB / 3600

    @property
    def documents(self) -> int:
        """Return about how many documents there are."""
        return round(self.sample.documents * self.bytes / self.sample.bytes)

    @property
    def written(self) -> int:
        """Return about how many bytes will be written."""
        return round(self.sample.written * self.bytes / self.sample.bytes)

    def to_json(self) -> dict[str, Any]:
        """Return the numbers with their intervals."""
        numbers = to_json({"seconds": self.seconds, "seconds_per_mb": self.sample.seconds_per_mb})
        sizes = {"bytes": self.bytes, "sampled_bytes": self.sample.bytes, "written_bytes": self.written}
        work = {"pieces": self.pieces, "tasks": self.tasks, "workers": self.workers, "core_hours": self.core_hours}
        return {**sizes, "documents": self.documents, **work, **numbers}


def measured_sample(step: MeasurePieces, seconds: float, seed: int = 0, onlooker: Onlooker = SILENT) -> MeasuredSample:
    """Measure pieces at random until the time is up; two of them at least, if there are two, and each to its end.

    Args:
        step: measures the corpus; what it writes goes to a place that is taken away again.
        seconds: about how long.
        seed: of the choice.
        onlooker: is told of each piece.

    Raises:
        ConfigError: no document could be read.
        OSError: a piece cannot be reached, or there is no room for what is written.
    """
    order = list(range(len(step.pieces)))
    rng.stream("corpus plan", seed).shuffle(order)
    with tempfile.TemporaryDirectory() as folder:
        own = replace(step, outputs=replace(step.outputs, folder=Path(folder)))
        own.measure(min(order, key=lambda number: step.sizes[number]))  # the first time takes longer
        found = _measured(own, order, seconds, onlooker)
        counts = [CorpusCounts.from_state(json.loads(own.done(number).read_text("utf-8"))) for number, _ in found]
        written = sum(own.outputs.documents(number).stat().st_size for number, _ in found)
    documents = sum(each.total().documents for each in counts)
    if not documents:
        raise ConfigError("no document could be read in the pieces that were looked at; see what --fields names")
    sizes = [step.sizes[number] for number, _ in found]
    per_mb = _seconds_per_mb([(took, size / _MB) for (_, took), size in zip(found, sizes, strict=True)])
    return MeasuredSample(bytes=sum(sizes), documents=documents, written=written, seconds_per_mb=per_mb)


def _seconds_per_mb(pieces: Sequence[tuple[float, float]]) -> Interval:
    """Return seconds over MB, of all pieces together: small ones weigh little."""
    ratio = Ratio()
    for took, size in pieces:
        ratio.add(took, size)
    return ratio.interval()


def _measured(step: MeasurePieces, order: Sequence[int], seconds: float, onlooker: Onlooker) -> list[tuple[int, float]]:
    """Measure pieces in that order; return their numbers, each with the seconds that it took."""
    found: list[tuple[int, float]] = []
    with onlooker.stage("pieces measured", None) as stage:
        for number in order:
            began = time.perf_counter()
            step.measure(number)
            found.append((number, time.perf_counter() - began))
            stage.advance()
            if len(found) > 1 and sum(took for _, took in found) >= seconds:
                break
    return found
