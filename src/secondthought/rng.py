"""Random numbers come from hashing names, never from `seed + i`: neighbouring seeds share nothing.

There are two forms: `stream` gives a sequential generator for code that runs in one place and order (data generation),
`key` gives the 64-bit counter key of one sample, from which a policy derives the uniform number of each token position.
What is drawn then depends on names alone, not on batch shape, order, or what was drawn before: it is what makes
sampling independent of batching, and a resumed run equal to an uninterrupted one.
"""

from __future__ import annotations

import hashlib
import random

_PERSON = b"secondthought-1"
"""Versioned salt: change the number if the derivation ever changes."""


def key(*names: str | int) -> int:
    """Hash the names to a 64-bit number that depends on all of them, their types and their order.

    >>> key("run", 1) == key("run", 1), key("run", 1) == key("run", "1"), key("ab", "c") == key("a", "bc")
    (True, False, False)
    """
    digest = hashlib.blake2b(digest_size=8, person=_PERSON)
    for name in names:
        data = str(name).encode("utf-8", "surrogatepass")
        digest.update(f"{type(name).__name__}:{len(data)}:".encode())
        digest.update(data)
    return int.from_bytes(digest.digest(), "little")


def stream(*names: str | int) -> random.Random:
    """Return an independent sequential generator for these names.

    >>> stream(0, "a").random() == stream(0, "a").random(), stream(0, "a").random() == stream(1, "a").random()
    (True, False)
    """
    return random.Random(key(*names))
