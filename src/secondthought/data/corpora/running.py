"""Steps are run over all pieces of a corpus, by whichever executor; what is done stays done.

The same call after a stop goes on with the pieces that are not done. What was made with other settings is refused.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from secondthought import jsonl
from secondthought.data.corpora.executors import ExecutorName, run
from secondthought.disk import new_file
from secondthought.errors import ConfigError
from secondthought.progress import SILENT, Onlooker

MOST_TASKS = 1000
"""Most tasks, since Slurm's arrays are seldom allowed to be longer; a task then takes several pieces."""
_LOOK_S = 0.5
MANIFESTS = {"corpus.json": "measure", "selection.json": "select", "rewriting.json": "rewrite"}
"""Files that say what a folder was made of, each with the command that writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """`How` says who runs a step."""

    executor: ExecutorName = "local"
    workers: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    """The executor's own, by `datatrove`'s names."""


class PieceStep(Protocol):
    """A `PieceStep` does something with each piece by itself, and leaves a file when that is done."""

    @property
    def folder(self) -> Path:
        """Return where results lie."""
        ...

    @property
    def sizes(self) -> Sequence[int]:
        """Return the bytes of each piece."""
        ...

    def done(self, number: int) -> Path:
        """Return the file that is there once a piece is done."""
        ...

    def made_of(self) -> Mapping[str, Any]:
        """Return what its results depend on, as JSON holds it."""
        ...

    def __call__(self, data: Any, rank: int, world_size: int) -> Any:
        """Do the pieces of one rank that are not done yet."""
        ...


def run_step(step: PieceStep, how: How, manifest: str, what: str, onlooker: Onlooker = SILENT) -> bool:
    """Do the pieces that are not done yet.

    Args:
        step: what is done.
        how: who does it.
        manifest: the file in the step's folder that says what it was made of.
        what: the work, for who looks on.
        onlooker: is told of each piece.

    Returns:
        Whether all is done: an executor may only have been told to (Slurm).

    Raises:
        ConfigError: the folder holds what other settings made, or the executor cannot run here.
        OSError: results cannot be written.
    """
    require_same(step, manifest)
    if _undone(step):
        tasks = min(len(step.sizes), MOST_TASKS)
        workers, folder = min(how.workers, tasks), step.folder / "tasks"
        with _watched(step, what, onlooker):
            run(step, executor=how.executor, tasks=tasks, workers=workers, folder=folder, options=how.options)
    return not _undone(step)


def left_for(step: PieceStep, rank: int, world_size: int) -> Iterator[int]:
    """Yield the numbers of a rank's pieces that are not done yet."""
    return (number for number in range(rank, len(step.sizes), world_size) if not step.done(number).exists())


def _undone(step: PieceStep) -> bool:
    return any(True for _ in left_for(step, 0, 1))


def require_same(step: PieceStep, manifest: str) -> None:
    """Write what the folder is made of, or compare with what stands there; nothing done yet holds nobody to it.

    Raises:
        ConfigError: other settings, or another step, made what the folder holds.
        OSError: it cannot be written.
    """
    path = step.folder / manifest
    made_of = json.loads(jsonl.dumps(step.made_of()))
    other = next((name for name in MANIFESTS if name != manifest and (step.folder / name).exists()), None)
    if other is not None:
        raise ConfigError(f"{step.folder}: holds what `corpora {MANIFESTS[other]}` wrote; choose another --out")
    earlier = json.loads(path.read_text("utf-8")) if path.exists() else None
    if earlier is None or not any(step.done(number).exists() for number in range(len(step.sizes))):
        with new_file(path) as file:
            file.write(jsonl.dumps(made_of))
        return
    differing = [name for name in (*made_of, *(set(earlier) - set(made_of))) if earlier.get(name) != made_of.get(name)]
    if differing:
        raise ConfigError(
            f"{step.folder}: was made with other {' and '.join(differing)}; give them again, or choose another --out"
        )


@contextmanager
def _watched(step: PieceStep, what: str, onlooker: Onlooker) -> Iterator[None]:
    """Report the pieces as they are done, whoever does them."""
    ended = threading.Event()
    with onlooker.stage(what, sum(step.sizes), "bytes") as stage:

        def look() -> None:
            left = list(range(len(step.sizes)))
            while not ended.wait(_LOOK_S):
                done = {number for number in left if step.done(number).exists()}
                stage.advance(sum(step.sizes[number] for number in done))
                left = [number for number in left if number not in done]

        watcher = threading.Thread(target=look, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
