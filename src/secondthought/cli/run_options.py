"""Commands of `train` share, beside settings, the flags that say how to run, short forms, and how they end."""

from __future__ import annotations

import atexit
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from secondthought.cli.errors import rank, warn
from secondthought.cli.loading import checkpoint_of, current_directory
from secondthought.cli.output import write_line, write_text
from secondthought.config import Config
from secondthought.errors import ConfigError, RunError
from secondthought.runs import hub
from secondthought.runs.trackers import Tracker, catalog

SHORT = {"--model": "--model.path", "--out": "--run-dir"}
"""Other names of flags, the same as with other commands."""
RL_SHORT = {
    **SHORT,
    "--task": "--task.name",
    "--options.": "--task.options.",
    "--temperature": "--episode.temperature",
}
"""Those of training by reinforcement learning."""


class RunFlags(Config):
    """Flags that say how to run, as against what: no settings, and never in a file."""

    config: Path | None = None
    """A TOML file of settings; sparse: what it leaves out keeps its default."""
    resume: bool = False
    """Go on with the run in run_dir."""
    overwrite: bool = False
    """Delete the run in run_dir first."""
    dry_run: bool = False
    """Print the resolved config as JSON and stop."""
    track: tuple[str, ...] = ()
    """Send each step's metrics there too: trackio, wandb or tensorboard, or a class `module:Class` of your own."""
    push: str = ""
    """Send the trained model and its card to this repository of a hub, USER/NAME; asked for access before training."""
    quiet: bool = False
    """No progress on stderr."""
    json_: bool = False
    """Print the run's summary as one JSON object."""


OWN = tuple(RunFlags.model_fields)
"""Options that are no settings."""


class Resolved(Protocol):
    """A `Resolved` holds all settings of a run."""

    @property
    def run_dir(self) -> Path:
        """Return the directory that everything is written to."""
        ...

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        """Return all settings as plain data."""
        ...


ResolvedT = TypeVar("ResolvedT", bound=Resolved)


def run_as_asked(
    config: ResolvedT,
    flags: RunFlags,
    command: Sequence[str],
    train: Callable[..., dict[str, Any]],
    show: Callable[[Path, dict[str, Any]], None],
) -> None:
    """Print the settings, or train and say what came of it.

    Args:
        config: the settings.
        flags: how to run.
        command: the words of the command line, for the record.
        train: does it, and returns the run's summary; takes the config and the keywords of `execute`.
        show: the summary for people.

    Raises:
        ConfigError: flags contradict each other.
    """
    trackers = _trackers(flags.track, config)
    if flags.push:
        hub.check(flags.push)
    if flags.dry_run:
        write_text(json.dumps(config.model_dump(mode="json"), indent=2))
        return
    if flags.resume and flags.overwrite:
        raise ConfigError("--resume goes on with a run, --overwrite deletes it; give one of them")
    summary = train(
        config,
        resume=flags.resume,
        overwrite=flags.overwrite,
        quiet=flags.quiet,
        command=list(command),
        trackers=trackers,
    )
    if rank() == 0:  # of several processes the first one speaks
        if flags.json_:
            write_line({"run_dir": str(config.run_dir), **summary})
        else:
            show(config.run_dir, summary)
        if flags.push:
            warn(f"sent to {hub.push(checkpoint_of(config.run_dir), flags.push)}")
    require_learning(summary)
    _leave_others()


def require_learning(summary: Mapping[str, Any]) -> None:
    """Refuse to call a run a success that ended because it learned nothing; what it measured is written and shown.

    Raises:
        RunError: the run was stopped.
    """
    if summary.get("status") == "stopped":
        raise RunError(str(summary.get("stopped") or "the run was stopped: it learned nothing"))


def _trackers(names: Sequence[str], config: Resolved) -> list[Tracker]:
    """Make the trackers that are named; a class of one's own may live in the current directory.

    Raises:
        ConfigError: there is no such tracker, or its package is not installed.
    """
    if not names:
        return []
    with current_directory():
        return catalog.trackers(names, config.run_dir, config.model_dump(mode="json"))


def _leave_others() -> None:
    """End at once if this is one of several processes whose run is done.

    Threads of the process group outlive `destroy_process_group`, and an interpreter that is taken down under them
    aborts now and then; torchrun would take that for a run that failed.
    """
    if os.environ.get("WORLD_SIZE", "1") == "1":
        return
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
