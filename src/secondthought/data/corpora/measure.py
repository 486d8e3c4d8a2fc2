"""A corpus is measured: which habits its documents show, whether they set problems and solve them, per source.

    inputs -> pieces -> (read, detect, write) each -> counts of all

The same call after a stop goes on with the pieces that are not done. What was made with other settings is refused.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from secondthought import jsonl
from secondthought.data.corpora.counts import CorpusCounts, merged
from secondthought.data.corpora.executors import ExecutorName, run
from secondthought.data.corpora.piece_step import MeasurePieces, Outputs
from secondthought.data.corpora.pieces import size_of
from secondthought.disk import new_file
from secondthought.errors import ConfigError
from secondthought.progress import SILENT, Onlooker

MANIFEST = "corpus.json"
_TASKS = 1000
"""Most tasks, since Slurm's arrays are seldom allowed to be longer; a task then measures several pieces."""
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """`How` says who measures the pieces."""

    executor: ExecutorName = "local"
    workers: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    """The executor's own, by `datatrove`'s names."""


def measure(step: MeasurePieces, how: How = How(), onlooker: Onlooker = SILENT) -> CorpusCounts | None:
    """Measure the pieces that are not measured yet, and return the counts of all.

    Returns:
        None while an executor that only submits (Slurm) has not done all of it: the same call later returns them.

    Raises:
        ConfigError: the folder holds what other settings made, or the executor cannot run here.
        OSError: results cannot be written.
    """
    _require_same(step)
    if any(_undone(step)):
        tasks = min(len(step.pieces), _TASKS)
        folder = step.outputs.folder / "tasks"
        with _watched(step, onlooker):
            run(
                step,
                executor=how.executor,
                tasks=tasks,
                workers=min(how.workers, tasks),
                folder=folder,
                options=how.options,
            )
    if any(_undone(step)):
        return None
    return merged(step.outputs.read_counts(number) for number in range(len(step.pieces)))


def measured(folder: Path) -> tuple[Outputs, CorpusCounts]:
    """Open a folder that `measure` has filled.

    Raises:
        ConfigError: it is none, or not all of it is measured yet.
    """
    path = folder.expanduser().absolute() / MANIFEST
    if not path.is_file():
        raise ConfigError(f"{folder}: is no measured corpus; `secondthought corpora measure` writes one")
    made_of = json.loads(path.read_text("utf-8"))
    outputs, pieces = Outputs(folder=path.parent, packed=made_of["packed"]), len(made_of["pieces"])
    undone = sum(not outputs.counts(number).exists() for number in range(pieces))
    if undone:
        raise ConfigError(
            f"{folder}: {undone} of {pieces} pieces are not measured yet; give the command that measures it again"
        )
    return outputs, merged(outputs.read_counts(number) for number in range(pieces))


def _undone(step: MeasurePieces) -> Iterator[bool]:
    return (not step.outputs.counts(number).exists() for number in range(len(step.pieces)))


def _require_same(step: MeasurePieces) -> None:
    """Write what the folder is made of, or compare with what stands there."""
    path = step.outputs.folder / MANIFEST
    made_of = {
        "pieces": [[list(span) for span in piece] for piece in step.pieces],
        "fields": asdict(step.fields),
        "behaviors": {each.name: _digest(each.model_dump_json()) for each in step.behaviors},
        "packed": step.outputs.packed,
    }
    if not path.exists():
        with new_file(path) as file:
            file.write(jsonl.dumps(made_of))
        return
    earlier = json.loads(path.read_text("utf-8"))
    differing = [name for name, value in made_of.items() if earlier.get(name) != value]
    if differing:
        raise ConfigError(
            f"{step.outputs.folder}: was made with other {' and '.join(differing)}; give them again,"
            " or choose another --out"
        )


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@contextmanager
def _watched(step: MeasurePieces, onlooker: Onlooker) -> Iterator[None]:
    """Report the pieces as they are done, whoever does them."""
    ended = threading.Event()
    with onlooker.stage("corpus", sum(map(size_of, step.pieces)), "bytes") as stage:

        def look() -> None:
            left = list(range(len(step.pieces)))
            while not ended.wait(_LOOK_S):
                done = [number for number in left if step.outputs.counts(number).exists()]
                stage.advance(sum(size_of(step.pieces[number]) for number in done))
                left = [number for number in left if number not in set(done)]

        watcher = threading.Thread(target=look, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
