"""Waiting for other processes: looks at a store that end in time, and errors that name whoever is missing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

from secondthought.errors import RunError, first_line

ADVICE = "see what that process said last, then go on with --resume"
_LONGEST_NAP = 0.05


def looks(timeout_s: float) -> Iterator[None]:
    """Yield once for every look at a store, the first at once, the others after naps, until the time is up.

    >>> sum(1 for _ in looks(0.0))
    1
    """
    until, nap = time.monotonic() + timeout_s, 0.0005
    yield
    while time.monotonic() < until:
        time.sleep(nap)
        yield
        nap = min(2 * nap, _LONGEST_NAP)


def missing(ranks: Sequence[int], size: int, where: str) -> RunError:
    """Make the error that names who is missing.

    >>> str(missing([1, 3], 4, "from the metrics"))[:45]
    'ranks 1, 3 of 4 are missing from the metrics;'
    """
    names = f"rank{'s' if len(ranks) > 1 else ''} {', '.join(map(str, ranks))} of {size}"
    return RunError(f"{names} {'are' if len(ranks) > 1 else 'is'} missing {where}; {ADVICE}")


@contextlib.contextmanager
def store_errors(rank: int, what: str) -> Iterator[None]:
    """Say in a sentence of ours that the store is gone, and with it its keeper: torchrun, or without it rank 0."""
    try:
        yield
    except RuntimeError as error:
        raise RunError(f"rank {rank} lost torchrun, or rank 0, at {what} ({first_line(error)}); {ADVICE}") from error
