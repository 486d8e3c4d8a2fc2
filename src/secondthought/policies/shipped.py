"""Where the shipped models are: path logic only, so that a name can be resolved without importing torch."""

from __future__ import annotations

from pathlib import Path

SHIPPED = ("small", "large", "terse", "rich")
"""0.5 and 5 million parameters that reflect; two of 0.5 million that differ in their habits."""

_MODELS = Path(__file__).parent.parent / "organisms" / "models"


def shipped(name: str) -> Path | None:
    """Directory of a shipped model, or None where the name is not one (a hub id, a path).

    >>> shipped("nobody/nothing") is None
    True
    """
    found = _MODELS / name if name in SHIPPED else None
    return found if found and (found / "config.json").is_file() else None


def resolve(path: str) -> str:
    """What to load for `model.path`: a checkpoint on disk, else a shipped model, else a hub id as it stands.

    >>> resolve("somebody/some-model")
    'somebody/some-model'
    """
    given = Path(path).expanduser()
    if (given / "config.json").is_file():
        return str(given)
    found = shipped(path)
    return str(found) if found else path
