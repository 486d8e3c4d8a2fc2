"""What a study is made of: priming stages and training runs, each in a directory and a process of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from secondthought.config import RunConfig
from secondthought.errors import RunError
from secondthought.runs.directory import RunDirectory, is_run
from secondthought.study.priming_job import PrimingStage, require_same

State: TypeAlias = Literal["finished", "failed", "pending"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One arm with one seed."""

    arm: str
    seed: int
    config: RunConfig

    @property
    def name(self) -> str:
        """How it is called in messages."""
        return f"{self.arm}/{self.directory.name}"

    @property
    def directory(self) -> Path:
        """Where it is; its log and its settings lie beside."""
        return self.config.run_dir

    def job(self) -> dict[str, Any]:
        """What its process is given."""
        return {"run": json.loads(self.config.model_dump_json())}

    def state(self) -> State:
        """What there is of it on disk.

        Raises:
            RunError: it is finished, and was made with other settings.
        """
        return _state(self.directory, self.job()["run"])


@dataclass(frozen=True, slots=True, kw_only=True)
class PrimingPiece:
    """What comes before the RL of a primed arm."""

    arm: str
    seed: int | None
    """Whose RL starts from it; None if the seeds of the arm share it."""
    stage: PrimingStage

    @property
    def name(self) -> str:
        """How it is called in messages."""
        return f"{self.arm}/{self.directory.name}"

    @property
    def directory(self) -> Path:
        """Where it is; its log and its settings lie beside."""
        return self.stage.directory

    def job(self) -> dict[str, Any]:
        """What its process is given."""
        return {"priming": json.loads(self.stage.model_dump_json())}

    def state(self) -> State:
        """What there is of it on disk.

        Raises:
            RunError: it was made with other settings.
        """
        require_same(self.stage)
        return _state(self.stage.sft.run_dir, json.loads(self.stage.sft.model_dump_json()))


AnyPiece: TypeAlias = Piece | PrimingPiece


def _state(directory: Path, config: dict[str, Any]) -> State:
    if not is_run(directory):
        return "pending"
    run = RunDirectory.open(directory)
    if run.config() != config:
        raise RunError(f"{directory}: was made with other settings; move it away, or give the study another `out`")
    status = run.summary().get("status")
    return "finished" if status == "finished" else "failed" if status == "failed" else "pending"
