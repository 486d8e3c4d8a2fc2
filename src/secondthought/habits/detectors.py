"""The detectors that need nothing but the text and its problem, by name."""

from __future__ import annotations

from collections.abc import Callable

from secondthought.errors import ConfigError
from secondthought.habits.patterns import PatternDetector
from secondthought.protocols import Detector
from secondthought.tasks.countdown.reading.detector import FunctionalDetector

DETECTORS: dict[str, Callable[[], Detector]] = {"functional": FunctionalDetector, "patterns": PatternDetector}
"""`functional` follows what was done (Countdown), `patterns` goes by wording."""


def detector(name: str) -> Detector:
    """A detector of the four habits.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in DETECTORS:
        raise ConfigError(f"there is no detector {name!r}; known: {', '.join(DETECTORS)}")
    return DETECTORS[name]()
