"""Changes of settings between a run on disk and what is asked for now: which may be, and which make it go on.

A run may be resumed with more steps, other evaluations, and what changes no number; `MAY_CHANGE` of its config lists
them. Everything else would make the steps before and after those of two runs.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from secondthought.errors import RunError
from secondthought.runs.directory import RunDirectory


class Settings(Protocol):
    """The settings of a run, as far as they are compared."""

    RETIRED: ClassVar[frozenset[str]]
    MAY_CHANGE: ClassVar[frozenset[str]]
    EXTENDS: ClassVar[frozenset[str]]

    def model_dump_json(self) -> str:
        """Write all settings as JSON."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """A `Change` is a setting by its dotted name, as it was and as it is."""

    name: str
    old: Any
    new: Any

    def is_among(self, names: Collection[str]) -> bool:
        """Return True if the setting, or a table that it is in, is one of these names."""
        parts = self.name.split(".")
        return any(".".join(parts[:length]) in names for length in range(1, len(parts) + 1))

    def __str__(self) -> str:
        return f"{self.name} ({_shown(self.old)} -> {_shown(self.new)})"


def changes_of(run: RunDirectory, config: Settings) -> list[Change]:
    """Return the settings, by name, in which a config differs from a run's; those that are none any longer are left."""
    old, new = _flat(run.config()), _flat(json.loads(config.model_dump_json()))
    return [
        Change(name, old.get(name), new.get(name))
        for name in sorted(old.keys() | new.keys())
        if name.split(".")[0] not in config.RETIRED and old.get(name) != new.get(name)
    ]


def require_resumable(run: RunDirectory, config: Settings) -> list[Change]:
    """Return what has changed since a run was begun, if it may go on so.

    Raises:
        RunError: a setting changed that must not; the sentence names each with its old and new value.
    """
    changes = changes_of(run, config)
    if wrong := refused(run, config, changes):
        raise RunError(
            f"{run.path}: cannot resume with other settings: {wrong}; give the old ones, or start anew with --overwrite"
        )
    return changes


def refused(run: RunDirectory, config: Settings, changes: Sequence[Change], *, same_length: bool = False) -> str:
    """Name the changes with which a run must not go on, with old and new values; empty where there are none.

    With `same_length` it must also be as long as it was: runs that are compared are trained alike, and an extended one
    is not, unless its learning rate is constant.
    """
    may = config.MAY_CHANGE - _LENGTHS if same_length else config.MAY_CHANGE
    wrong = [str(change) for change in changes if not change.is_among(may)]
    wrong += [f"{change}, which may only grow" for change in changes if change.is_among(may) and _is_cut(change, run)]
    return ", ".join(wrong)


def extends(changes: Sequence[Change], config: Settings) -> bool:
    """Return True if a finished run has something left to do with these changes."""
    return any(change.is_among(config.EXTENDS) for change in changes)


def keep(run: RunDirectory, config: Settings, changes: Sequence[Change]) -> None:
    """Write the config that a run goes on with, and what was other up to the step where it stands."""
    row = {"after_step": steps_done(run), "settings": {item.name: [item.old, item.new] for item in changes}}
    run.write_config(json.loads(config.model_dump_json()), [*run.changed(), row])


def _is_cut(change: Change, run: RunDirectory) -> bool:
    """Tell whether a run is to end before where it stands, or may."""
    if change.name not in _LENGTHS or change.new is None:
        return False
    if change.name == "train.steps":
        return bool(change.new < steps_done(run))
    return change.old is None or change.new < change.old


def steps_done(run: RunDirectory) -> int:
    """Return the step that a run goes on after."""
    last = run.checkpoints.pointer("last")
    return int(last["step"]) if last else 0


_LENGTHS = frozenset({"train.steps", "train.epochs", "train.max_sampled_tokens"})


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in table.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found


def _shown(value: Any) -> str:
    return "not set" if value is None else json.dumps(value)
