"""Memory that a phase has freed goes back to the machine before the next one begins.

glibc keeps what is freed, in pieces between what is still held. Sampling and updating want pieces of other sizes, so a
process grew to the sum of what both need, and not to the larger of the two. Other allocators have no such call.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable


def give_back() -> bool:
    """Return freed memory to the machine; True if there was any that could be."""
    trim = _malloc_trim()
    return trim is not None and bool(trim(0))


@functools.cache
def _malloc_trim() -> Callable[[int], int] | None:
    """Return the C library's own call, None where it has none."""
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    return found
