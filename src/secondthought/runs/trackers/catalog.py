"""Trackers by name: the one table of the services that `--track` knows; one of somebody's own is `module:Class`.

Each is made of the run's directory and its settings, and opens its service at the first row: of several processes only
the first has rows.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from secondthought import plugins
from secondthought.errors import ConfigError
from secondthought.runs.trackers import Tracker
from secondthought.spelling import suggestion


class Service(NamedTuple):
    """A `Service` has its tracker's class, `module:Class`, and the package that talks to it, an extra of ours."""

    target: str
    package: str


SERVICES: dict[str, Service] = {
    "tensorboard": Service("secondthought.runs.trackers.tensorboard:TensorBoardTracker", "tensorboard"),
    "trackio": Service("secondthought.runs.trackers.trackio:TrackioTracker", "trackio"),
    "wandb": Service("secondthought.runs.trackers.wandb:WandbTracker", "wandb"),
}


def trackers(names: Iterable[str], run_dir: Path, settings: Mapping[str, Any]) -> list[Tracker]:
    """Make the trackers that are named; nothing is opened yet.

    Args:
        names: rows of `SERVICES`, or `module:Class`, a class that is made of the next two.
        run_dir: the directory of the run; what a service writes on this machine lies below it.
        settings: all settings of the run, as JSON holds them.

    Raises:
        ConfigError: there is no such tracker, or its package is not installed.
    """
    made = []
    for name in names:
        kind = _class(name)
        try:
            made.append(kind(run_dir, settings))
        except TypeError as error:
            raise ConfigError(
                f"tracker {name}: is made of a directory and settings, which it refuses: {error}"
            ) from None
    return made


def _class(name: str) -> Callable[[Path, Mapping[str, Any]], Tracker]:
    service = SERVICES.get(name)
    if service is None and ":" not in name:
        known = ", ".join(SERVICES)
        raise ConfigError(f"there is no tracker {name!r}{suggestion(name, SERVICES)}; known: {known}, or module:Class")
    if service is not None and importlib.util.find_spec(service.package) is None:
        raise ConfigError(
            f"tracker {name}: the package {service.package} is not installed; pip install 'secondthought[{name}]'"
        )
    kind = plugins.named_class(service.target if service else name, "tracker", Tracker, ConfigError)
    return cast(Callable[[Path, Mapping[str, Any]], Tracker], kind)
