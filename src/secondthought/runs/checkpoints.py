"""Checkpoints of a run are directories named by step; two small files, `best.json` and `last.json`, point at them.

A checkpoint has its name only when it is whole. Pointers are files and not links, so a run directory can be copied
anywhere. What a checkpoint holds is not known here.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from secondthought.errors import RunError
from secondthought.runs import files

Pointer: TypeAlias = Literal["best", "last"]


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """`Checkpoints` finds, makes and deletes the checkpoints under one directory."""

    path: Path

    def at(self, step: int) -> Path:
        """Return the directory of a step's checkpoint, there or not."""
        return self.path / f"step_{step:06d}"

    def new(self, step: int) -> AbstractContextManager[Path]:
        """Open a directory to fill; it becomes the checkpoint of `step` when the `with` block ends without an error."""
        return files.new_directory(self.at(step))

    def steps(self) -> list[int]:
        """Return the steps that have a whole checkpoint, in order."""
        names = (path.name.removeprefix("step_") for path in self.path.glob("step_*") if path.is_dir())
        return sorted(int(name) for name in names if name.isdecimal())

    def point(self, name: Pointer, step: int, **facts: Any) -> None:
        """Point `best` or `last` at the checkpoint of a step; `facts` (a score) are kept beside it."""
        files.write_json(self.path / f"{name}.json", {**facts, "step": step})

    def pointer(self, name: Pointer) -> dict[str, Any] | None:
        """Read what `best` or `last` says; None if it was never set.

        Raises:
            RunError: the pointer names a checkpoint that is not there.
        """
        path = self.path / f"{name}.json"
        if not path.exists():
            return None
        value = files.read_json(path)
        step = value.get("step")
        if not isinstance(step, int) or not self.at(step).is_dir():
            raise RunError(f"{path}: points at step {step}, which has no checkpoint; delete the file or restore it")
        return value

    def prune(self, keep: Collection[int]) -> None:
        """Delete every checkpoint but those of the steps in `keep` and those that `best` and `last` point at."""
        pointed = [self.pointer("best"), self.pointer("last")]
        kept = {*keep, *(value["step"] for value in pointed if value is not None)}
        with files.disk_errors(self.path):
            for step in self.steps():
                if step not in kept:
                    files.remove(self.at(step))
