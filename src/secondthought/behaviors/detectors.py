"""The detectors that need nothing but the text (and its problem), by name."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def detector(name: str) -> Any:
    """A detector of the four habits: `functional` or `patterns`."""
    module, cls = {"functional": ("functional", "FunctionalDetector"), "patterns": ("patterns", "PatternDetector")}[name]
    return getattr(import_module(f"secondthought.behaviors.{module}"), cls)()
