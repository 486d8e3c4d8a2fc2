"""A run of any kind begins and ends alike: its processes, its directory and lock, its status, its resuming.

What happens in between is the caller's; of a config only where it is written, its seed and its threads matter here.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import torch

from secondthought.distributed.world import World
from secondthought.runs import environment
from secondthought.runs.declaration import Declaration, declare
from secondthought.runs.directory import ENDED, RunDirectory, is_run, is_unused
from secondthought.runs.recorder import read_metrics
from secondthought.train.changes import Change, extends, keep, require_resumable, steps_done

T = TypeVar("T")


class AnyConfig(Protocol):
    """The settings of a run, whatever it trains."""

    RETIRED: ClassVar[frozenset[str]]
    MAY_CHANGE: ClassVar[frozenset[str]]
    EXTENDS: ClassVar[frozenset[str]]

    @property
    def run_dir(self) -> Path:
        """Return the directory in which everything is written."""
        ...

    @property
    def seed(self) -> int:
        """Return the seed of everything that is drawn."""
        ...

    @property
    def threads(self) -> int | None:
        """Return the CPU threads of torch; None is all cores."""
        ...

    def model_dump_json(self) -> str:
        """Write all settings as JSON."""
        ...


def in_run(
    config: AnyConfig,
    prepare: Callable[[World], T],
    complete: Callable[[RunDirectory, World, T], dict[str, Any]],
    *,
    timeout_s: float,
    resume: bool,
    overwrite: bool,
    command: Sequence[str],
    facts: Mapping[str, Any],
    declared: Declaration | None = None,
    forget: Callable[[RunDirectory, Sequence[Change]], None] = lambda run, changes: None,
) -> dict[str, Any]:
    """Open the run's directory, do `complete` in it and keep its status; a finished run is returned as it is.

    `prepare` reads and checks what is needed; where it fails, nothing is begun, and the directory is as it was. `facts`
    are in the summary from the start, `declared` beside it. `forget` takes away what was measured with settings that
    are others now. Under `torchrun` all processes call this alike.

    Raises:
        RunError: the directory cannot be used, or was begun with settings that must stay.
    """
    torch.set_num_threads(config.threads or torch.get_num_threads())
    with World.of_environment(timeout_s) as world:
        if not world.is_first:
            return _follow(config, prepare, complete, world)
        with opened(config, resume=resume, overwrite=overwrite) as run:
            goes_on = is_run(run.path) and resume
            changes = require_resumable(run, config) if goes_on else []
            is_done = goes_on and is_finished(run) and not extends(changes, config)
            world.gather("the run directory", is_done)
            if is_done:
                return run.summary()
            prepared = prepare(world)
            if goes_on:
                _go_on(run, config, changes, forget)
            else:
                _describe(run, config, world, command)
            if declared is not None:
                declare(run, declared)
            run.write_summary("running", {**facts, **run.summary()})
            world.gather("the beginning", None)
            with status_of_failure(run):
                return complete(run, world, prepared)


def _follow(
    config: AnyConfig,
    prepare: Callable[[World], T],
    complete: Callable[[RunDirectory, World, T], dict[str, Any]],
    world: World,
) -> dict[str, Any]:
    """Take part in a run that the first process opens and writes."""
    if world.gather("the run directory", False)[0]:
        return RunDirectory.open(config.run_dir).summary()
    prepared = prepare(world)
    world.gather("the beginning", None)
    return complete(RunDirectory.open(config.run_dir), world, prepared)


def _go_on(
    run: RunDirectory,
    config: AnyConfig,
    changes: Sequence[Change],
    forget: Callable[[RunDirectory, Sequence[Change]], None],
) -> None:
    """Take up a run, with other settings where some have changed."""
    if changes:
        forget(run, changes)
        keep(run, config, changes)
    if is_finished(run):
        run.write_summary("running", {})  # its results were those of a shorter run, or of other evaluations


@contextlib.contextmanager
def status_of_failure(run: RunDirectory) -> Iterator[None]:
    """Keep in the run's summary that it was interrupted or failed; note what of an interrupted run is kept."""
    try:
        yield
    except KeyboardInterrupt as stop:
        stop.add_note(_how_to_go_on(run))
        run.update_status("interrupted")
        raise
    except BaseException:
        run.update_status("failed")
        raise


def _how_to_go_on(run: RunDirectory) -> str:
    """Say what of a run that was stopped is kept, and how it goes on."""
    rows = read_metrics(run.metrics_path)
    kept, seen = steps_done(run), int(rows[-1]["step"]) if rows else 0
    if not max(kept, seen):
        return "no step was done yet: run the same command again (--resume keeps what was measured before training)"
    lost = f", those after it are done again ({seen} were done)" if seen > kept else ""
    return f"training is kept up to step {kept}{lost}: run the same command with --resume to go on"


def opened(config: AnyConfig, *, resume: bool, overwrite: bool) -> RunDirectory:
    """Open and lock the run directory, and leave what is in it: for a new run, or for the one to go on with."""
    path = config.run_dir
    if resume and not (path.is_dir() and not is_run(path) and is_unused(path)):
        return RunDirectory.resume(path)
    return RunDirectory.claim(path, overwrite=overwrite)


def is_finished(run: RunDirectory) -> bool:
    """Return whether there is nothing left to do."""
    return run.summary().get("status") in ENDED


def _describe(run: RunDirectory, config: AnyConfig, world: World, command: Sequence[str]) -> None:
    """Begin in an empty directory, by a description of what was asked, where and by how many processes."""
    run.empty()
    run.write_config(json.loads(config.model_dump_json()))
    found = environment.describe(seed=config.seed, threads=torch.get_num_threads(), command=command)
    run.write_environment({**found, "processes": world.size})
