"""Endings of runs that must not be read as an ordinary success: what to know before any number is believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def cautions(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each thing about a run's end that its table of before and after does not show.

    >>> list(cautions({"steps": 9, "best_step": 4, "evaluated_step": 4}))
    []
    """
    if summary.get("evaluated_step") == 0 and summary.get("after"):
        yield untrained_again(int(summary.get("steps") or 0))
    if summary.get("stopped"):
        yield str(summary["stopped"])


def untrained_again(steps: int) -> str:
    """Say that what is evaluated after training is the untrained model, and how the trained one is."""
    if not steps:
        return "no step was taken: `after` is the untrained model itself"
    return (
        "no validation found the policy better than before training (the best step is 0): `after` is the untrained"
        f" model itself; for that of step {steps} give the same command with --resume --evaluation.checkpoint last"
    )
