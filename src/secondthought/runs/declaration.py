"""A declaration is what a study says of a run, as data beside it: no setting, so nothing is trained by it.

    declared.json   base, priming, arm, model, dose, claims

Reports compare runs by it. Runs of earlier versions say the same in `origin`, a table of their config.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError

from secondthought.config import Config, describe, overlay
from secondthought.errors import ConfigError, RunError
from secondthought.runs import files
from secondthought.runs.directory import RunDirectory

NAME = "declared.json"


class Declaration(Config):
    """A `Declaration` says where a run's model comes from and what the run is compared by."""

    base: str = ""
    """Name of the model before any priming."""
    priming: str = ""
    """Name of the priming set that it was trained on; empty if none."""
    # Written only where they are given: a report that finds old and new runs of one arm then sees no difference.
    arm: str = Field("", exclude_if=lambda arm: not arm)
    """Name of the arm in its study: what it was primed with in detail stands there."""
    model: str = Field("", exclude_if=lambda model: not model)
    """Where each seed has a model of its own: their path with `{seed}` for the seed. Reports take them for one arm."""
    dose: float | None = None
    """Share of the base model's training text that shows habits, where that is known."""
    claims: str = Field("", exclude_if=lambda claims: not claims)
    """The paper whose claims a report judges; empty: the report chooses."""


def parse(*tables: Any, source: str) -> Declaration:
    """Build a declaration from tables, of which later ones win.

    Raises:
        ConfigError: a key is unknown, or a value is wrong.
    """
    data: dict[str, Any] = {}
    for table in tables:
        if not isinstance(table, Mapping):
            raise ConfigError(f"{source}: origin: is a table; write it as [origin]")
        data = overlay(data, table)
    try:
        return Declaration.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{source}: origin: {describe(error)}") from None


def read(run: RunDirectory) -> Declaration:
    """Return what was declared of a run; nothing is empty. Keys of later versions are passed over.

    Raises:
        RunError: the file is damaged.
    """
    path = run.path / NAME
    data = files.read_json(path) if path.exists() else run.config().get("origin")
    known = {key: data[key] for key in Declaration.model_fields if key in data} if isinstance(data, Mapping) else {}
    try:
        return Declaration.model_validate(known)
    except ValidationError as error:
        where = path if path.exists() else f"{run.path / 'config.json'}: origin"
        raise RunError(f"{where}: {describe(error)}; it was edited") from None


def declare(run: RunDirectory, declaration: Declaration) -> bool:
    """Write a declaration beside a run, unless the run says the same already; return whether it was written."""
    if read(run) == declaration:
        return False
    files.write_json(run.path / NAME, declaration.model_dump(mode="json"))
    return True
