"""A run directory keeps everything that was asked of a run and everything that happened in it, as files.

    config.json            the resolved config, with the schema's number, and what was other before the run was extended
    environment.json       versions, revision, machine, seed, command line
    base.json              a digest of the weights that the run began from
    declared.json          what a study says of the run (`runs.declaration`), if it is of one
    metrics.jsonl          one row per step
    episodes/step_000010.jsonl
    evaluations/NAME.jsonl
    checkpoints/step_000010/, checkpoints/best.json, checkpoints/last.json
    summary.json           status and results
    lock.json              the process that writes now

Not here: what the rows mean (docs/metrics.md) and what a checkpoint holds (train).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeAlias

from secondthought.config.values import NAME_CHARACTERS
from secondthought.disk import PARTIAL
from secondthought.errors import RunError
from secondthought.runs import files
from secondthought.runs.checkpoints import Checkpoints
from secondthought.runs.lock import NAMES as LOCKS
from secondthought.runs.lock import Lock

CONFIG = "config.json"
SCHEMA = 1
WRITTEN_BY = "secondthought"

Status: TypeAlias = Literal["running", "finished", "stopped", "interrupted", "failed"]

ENDED = frozenset({"finished", "stopped"})
"""A run that is over has one of these: it is as long as was asked, or it learned nothing any more."""


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """A `RunDirectory` is one run on disk: from `create` to write, `resume` to go on writing, `open` to read."""

    path: Path
    lock: Lock | None = None

    @classmethod
    def create(cls, path: Path, *, overwrite: bool = False) -> RunDirectory:
        """Make an empty run directory and lock it for this process.

        A directory that holds a run of ours is emptied first if that run took no step, or with `overwrite`; nothing
        else is ever deleted.

        Raises:
            RunError: the directory is in use, or not empty, or not ours to empty.
        """
        run = cls.claim(path, overwrite=overwrite)
        try:
            run.empty()
        except BaseException:
            run.close()
            raise
        return run

    @classmethod
    def claim(cls, path: Path, *, overwrite: bool = False) -> RunDirectory:
        """Lock a directory that a new run may have, as `create` does, and leave what is in it until `empty` is called.

        Raises:
            RunError: the directory is in use, or not empty, or not ours to empty.
        """
        with files.disk_errors(path):
            path.mkdir(parents=True, exist_ok=True)
        _check_free(path, overwrite)
        lock = Lock.acquire(path)
        try:
            _check_free(path, overwrite)  # again: another process may have come first
        except BaseException:
            lock.release()
            raise
        return cls(path, lock)

    @classmethod
    def resume(cls, path: Path) -> RunDirectory:
        """Open a run that was begun before and lock it for this process.

        Raises:
            RunError: the directory holds no run of ours, or another process writes it.
        """
        cls.open(path)
        return cls(path, Lock.acquire(path))

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """Open a run to read; no lock is taken.

        Raises:
            RunError: the directory holds no run of ours.
        """
        if not path.is_dir():
            raise RunError(f"{path}: no such run directory")
        if not is_run(path):
            raise RunError(f"{path}: is not a run directory (it has no config.json written by secondthought)")
        return cls(path)

    def empty(self) -> None:
        """Delete all that is in the directory but its lock."""
        # config.json goes last: an emptying that was cut short leaves a directory that is still recognised as ours.
        items = sorted(self.path.iterdir(), key=lambda item: item.name == CONFIG)
        with files.disk_errors(self.path):
            for item in items:
                if item.name not in LOCKS:
                    files.remove(item)

    def close(self) -> None:
        """Release the lock."""
        if self.lock is not None:
            self.lock.release()

    def __enter__(self) -> RunDirectory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def metrics_path(self) -> Path:
        """Return the path of the file to which the recorder appends."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Checkpoints:
        """Return the checkpoints, from which the run can go on."""
        return Checkpoints(self.path / "checkpoints")

    def write_config(self, config: Mapping[str, Any], changed: Sequence[Mapping[str, Any]] = ()) -> None:
        """Write the resolved config, which makes the directory a run; `changed` says what was other before."""
        content = {"written_by": WRITTEN_BY, "schema": SCHEMA, "config": dict(config)}
        files.write_json(self.path / CONFIG, {**content, **({"changed": list(changed)} if changed else {})})

    def changed(self) -> list[dict[str, Any]]:
        """Read which settings were other in earlier steps: a row per time that the run went on with others."""
        found = files.read_json(self.path / CONFIG).get("changed")
        return found if isinstance(found, list) else []

    def config(self) -> dict[str, Any]:
        """Read the resolved config."""
        config = files.read_json(self.path / CONFIG).get("config")
        return config if isinstance(config, dict) else {}

    def write_environment(self, environment: Mapping[str, Any]) -> None:
        """Write the environment of the run; see `runs.environment`."""
        files.write_json(self.path / "environment.json", environment)

    def environment(self) -> dict[str, Any]:
        """Read the environment of the run; empty if it was never written."""
        return _read_or_empty(self.path / "environment.json")

    def write_summary(self, status: Status, results: Mapping[str, Any]) -> None:
        """Write status and results in place of what was there."""
        files.write_json(self.path / "summary.json", {**results, "schema": SCHEMA, "status": status})

    def update_status(self, status: Status) -> None:
        """Change the status and keep the results."""
        self.write_summary(status, self.summary())

    def summary(self) -> dict[str, Any]:
        """Read status and results; empty if nothing was written yet."""
        return _read_or_empty(self.path / "summary.json")

    def evaluation(self, name: str) -> list[dict[str, Any]]:
        """Read the rows of one evaluation, a row per problem."""
        return list(files.read_rows(self._evaluation_path(name)))

    def evaluations(self) -> list[str]:
        """Return the names of the evaluations that are there."""
        return sorted(path.stem for path in (self.path / "evaluations").glob("*.jsonl"))

    def episodes_path(self, step: int) -> Path:
        """Return the path of the file that holds the groups of a step."""
        return self.path / "episodes" / f"step_{step:06d}.jsonl"

    def episode_steps(self) -> list[int]:
        """Return the steps whose groups were kept, in order."""
        return sorted(steps_of((self.path / "episodes").glob("step_*.jsonl")))

    def episodes(self, step: int) -> Iterator[dict[str, Any]]:
        """Read the groups of a step."""
        return files.read_rows(self.episodes_path(step))

    def _evaluation_path(self, name: str) -> Path:
        if not name or name.startswith(".") or not set(name) <= NAME_CHARACTERS:
            raise RunError(f"evaluation name {name!r}: use letters, digits and . _ - + @ only, and no dot first")
        return self.path / "evaluations" / f"{name}.jsonl"


def steps_of(paths: Iterable[Path]) -> Iterator[int]:
    """Yield the numbers in names like `step_000010.jsonl`; other names are passed over."""
    for path in paths:
        digits = path.name.removesuffix(".jsonl").removeprefix("step_")
        if digits.isdecimal():
            yield int(digits)


def is_run(path: Path) -> bool:
    """Return True if the directory has a config.json that we wrote."""
    try:
        return files.read_json(path / CONFIG).get("written_by") == WRITTEN_BY
    except RunError:
        return False


def is_unused(path: Path) -> bool:
    """Return True if nothing is lost where a new run begins there.

    The directory is empty but for what a start leaves that was cut short, or holds a run of ours, and nothing else,
    that took no step.
    """
    names = {item.name for item in path.iterdir() if item.name not in LOCKS and not _is_partial(item.name)}
    return not names or (is_run(path) and names <= _OURS and not _has_begun(RunDirectory(path)))


def _is_partial(name: str) -> bool:
    """Tell whether a write of ours that was cut short left this; nothing reads it."""
    return PARTIAL in name and any(name.startswith(own) for own in _OURS)


def _has_begun(run: RunDirectory) -> bool:
    """Tell whether a run took a step, or is finished without."""
    rows = files.read_rows(run.metrics_path) if run.metrics_path.exists() else iter(())
    return (
        any(step > 0 for step in run.checkpoints.steps())
        or any(isinstance(row.get("step"), int) and row["step"] > 0 for row in rows)
        or run.summary().get("status") in ENDED
    )


_OURS = frozenset(
    {
        CONFIG,
        "environment.json",
        "base.json",
        "tracking.json",
        "tensorboard",
        "wandb",
        "declared.json",
        "metrics.jsonl",
        "episodes",
        "evaluations",
        "checkpoints",
        "summary.json",
        "before.json",
        "stored_failures.jsonl",
        "stored_reflections.jsonl",
        "checks.json",
        "data.json",
        "served",
        "served.log",
    }
)
"""What a run may have written before its first step."""


def _check_free(path: Path, overwrite: bool) -> None:
    if is_unused(path):
        return
    if not is_run(path):
        raise RunError(f"{path}: is not empty and holds no run of secondthought; choose another run_dir")
    if not overwrite:
        raise RunError(f"{path}: already holds a run; continue it with --resume or replace it with --overwrite")


def _read_or_empty(path: Path) -> dict[str, Any]:
    return files.read_json(path) if path.exists() else {}
