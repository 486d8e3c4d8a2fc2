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
from secondthought.errors import RunError
from secondthought.runs import environment
from secondthought.runs.declaration import Declaration, declare
from secondthought.runs.directory import RunDirectory

T = TypeVar("T")


class AnyConfig(Protocol):
    """The settings of a run, whatever it trains."""

    RETIRED: ClassVar[frozenset[str]]

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
    prepare: Callable[[], T],
    complete: Callable[[RunDirectory, World, T], dict[str, Any]],
    *,
    timeout_s: float,
    resume: bool,
    overwrite: bool,
    command: Sequence[str],
    facts: Mapping[str, Any],
    declared: Declaration | None = None,
) -> dict[str, Any]:
    """Open the run's directory, do `complete` in it and keep its status; a finished run is returned as it is.

    `prepare` reads what the run needs, each process for itself; where it fails, nothing is begun. `facts` are in the
    summary from the start, `declared` beside it. Under `torchrun` all processes call this alike.

    Raises:
        RunError: the directory cannot be used, or was begun with other settings.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    with World.of_environment(timeout_s) as world:
        if not world.is_first:
            world.gather("the run directory", None)
            run = RunDirectory.open(config.run_dir)
            return run.summary() if is_finished(run) else complete(run, world, prepare())
        with opened(config, resume=resume, overwrite=overwrite) as run:
            if is_finished(run):
                world.gather("the run directory", None)
                return run.summary()
            prepared = prepare()
            if not resume:
                _describe(run, config, world, command)
            if declared is not None:
                declare(run, declared)
            run.write_summary("running", {**facts, **run.summary()})
            world.gather("the run directory", None)
            with _status_of_failure(run):
                return complete(run, world, prepared)


@contextlib.contextmanager
def _status_of_failure(run: RunDirectory) -> Iterator[None]:
    """Keep in the run's summary that it was interrupted or failed."""
    try:
        yield
    except KeyboardInterrupt:
        run.update_status("interrupted")
        raise
    except BaseException:
        run.update_status("failed")
        raise


def opened(config: AnyConfig, *, resume: bool, overwrite: bool) -> RunDirectory:
    """Open and lock the run directory: a new one, or the one to go on with."""
    if not resume:
        return RunDirectory.create(config.run_dir, overwrite=overwrite)
    run = RunDirectory.resume(config.run_dir)
    try:
        _require_same(run, config)
    except BaseException:
        run.close()
        raise
    return run


def is_finished(run: RunDirectory) -> bool:
    """Return whether there is nothing left to do."""
    return bool(run.summary().get("status") == "finished")


def changed_settings(run: RunDirectory, config: AnyConfig) -> list[str]:
    """Return the keys, sorted, in which a config differs from a run's; keys that are settings no longer are ignored."""
    old, new = run.config(), json.loads(config.model_dump_json())
    return sorted(key for key in {**old, **new} if key not in config.RETIRED and old.get(key) != new.get(key))


def _describe(run: RunDirectory, config: AnyConfig, world: World, command: Sequence[str]) -> None:
    """Describe what was asked, where and by how many processes."""
    run.write_config(json.loads(config.model_dump_json()))
    found = environment.describe(seed=config.seed, threads=torch.get_num_threads(), command=command)
    run.write_environment({**found, "processes": world.size})


def _require_same(run: RunDirectory, config: AnyConfig) -> None:
    changed = [key for key in changed_settings(run, config) if key != "run_dir"]
    if changed:
        raise RunError(
            f"{run.path}: cannot resume with other settings ({', '.join(changed)} changed); give the same ones or start"
            " anew with --overwrite"
        )
