"""Where the shipped models are."""

from __future__ import annotations

from pathlib import Path

SHIPPED = ("small", "large")
"""0.5 and 5 million parameters."""

_MODELS = Path(__file__).parent / "models"


def shipped(name: str) -> Path | None:
    """Directory of a shipped model, or None where the name is not one (a hub id, a path).

    >>> shipped("nobody/nothing") is None
    True
    """
    found = _MODELS / name if name in SHIPPED else None
    return found if found and (found / "config.json").is_file() else None
