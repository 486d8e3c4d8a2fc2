"""The jobs of a study are training runs and primings, each in a directory and a process of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from secondthought.config import RunConfig
from secondthought.config.sft import SftConfig
from secondthought.errors import RunError
from secondthought.runs.declaration import Declaration
from secondthought.runs.directory import ENDED, RunDirectory, is_run
from secondthought.study.priming_job import PrimingStage, require_same
from secondthought.train.changes import changes_of, extends, refused

State: TypeAlias = Literal["finished", "failed", "pending"]


def job_name(arm: str, seed: int | str | None, *, is_priming: bool) -> str:
    """Return what messages call a job: its directory below that of the study.

    >>> job_name("plain", 0, is_priming=False), job_name("primed", 0, is_priming=True)
    ('plain/seed_0', 'primed/primed_0')
    >>> job_name("primed", None, is_priming=True)  # shared by all seeds
    'primed/primed'
    """
    if seed is None:
        return f"{arm}/primed"
    return f"{arm}/primed_{seed}" if is_priming else f"{arm}/seed_{seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A `Job` is the training run of one arm with one seed."""

    arm: str
    seed: int
    config: RunConfig
    declared: Declaration
    """What the study says of the run, for reports."""

    @property
    def name(self) -> str:
        """Return what messages call the run."""
        return job_name(self.arm, self.seed, is_priming=False)

    @property
    def directory(self) -> Path:
        """Return the run directory; the job's log and file lie beside it."""
        return self.config.run_dir

    def to_json(self) -> dict[str, Any]:
        """Return what the job's file holds for its process."""
        return {
            "run": json.loads(self.config.model_dump_json()),
            "declared": json.loads(self.declared.model_dump_json()),
        }

    def state(self) -> State:
        """Return how far the run on disk is.

        Raises:
            RunError: the run is there and was made with other settings.
        """
        return _state(self.directory, self.config)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrimingJob:
    """A `PrimingJob` comes before the RL of a primed arm: a set and the fine-tuning on it."""

    arm: str
    seed: int | None
    """The seed whose RL starts from it; None if the seeds of the arm share it."""
    stage: PrimingStage

    @property
    def name(self) -> str:
        """Return what messages call the priming."""
        return job_name(self.arm, self.seed, is_priming=True)

    @property
    def directory(self) -> Path:
        """Return the directory of set and fine-tuning; the job's log and file lie beside it."""
        return self.stage.directory

    def to_json(self) -> dict[str, Any]:
        """Return what the job's file holds for its process."""
        return {"priming": json.loads(self.stage.model_dump_json())}

    def state(self) -> State:
        """Return how far the priming on disk is.

        Raises:
            RunError: the priming is there and was made with other settings.
        """
        require_same(self.stage)
        return _state(self.stage.sft.run_dir, self.stage.sft)


AnyJob: TypeAlias = Job | PrimingJob


def _state(directory: Path, config: RunConfig | SftConfig) -> State:
    if not is_run(directory):
        return "pending"
    run = RunDirectory.open(directory)
    changes = changes_of(run, config)
    if wrong := refused(run, config, changes, same_length=True):
        raise RunError(
            f"{directory}: was made with other settings: {wrong}; move it away, or give the study another `out`"
        )
    status = "running" if extends(changes, config) else run.summary().get("status")
    return "finished" if status in ENDED else "failed" if status == "failed" else "pending"
