"""Near-duplicates are found by minhash: texts that share most five-word groups agree in a band of a fingerprint.

With b bands of r hashes, texts of Jaccard similarity s agree in some band with probability 1 - (1 - s^r)^b: 92 % at .8,
5 % at .5 (Broder 1997; the numbers of FineWeb, b = 14 and r = 8).
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterable
from typing import TypeAlias, TypeVar

from secondthought.errors import ConfigError

BANDS, ROWS, GROUP = 14, 8, 5
_SEED = 1
_WORD = re.compile(r"\w+")

Fingerprint: TypeAlias = tuple[int, ...]
"""A number for each band."""
T = TypeVar("T")


def fingerprint(text: str) -> Fingerprint:
    """Return the fingerprint of a text; case and punctuation make no difference.

    Raises:
        ConfigError: `rensa` is not installed.
    """
    try:
        from rensa import RMinHash
    except ImportError:
        raise ConfigError("near-duplicates are found by rensa; install secondthought[corpora]") from None
    words = words_of(text)
    groups = [" ".join(words[place : place + GROUP]) for place in range(max(1, len(words) - GROUP + 1))]
    minhash = RMinHash(num_perm=BANDS * ROWS, seed=_SEED)
    minhash.update(groups)
    digest: list[int] = minhash.digest()
    return tuple(_hash_of(digest[band * ROWS : (band + 1) * ROWS]) for band in range(BANDS))


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, without what stands between them."""
    return _WORD.findall(text.lower())


def without_duplicates(items: Iterable[tuple[Fingerprint, T]]) -> tuple[list[T], list[tuple[T, T]]]:
    """Keep the first of each group of near-duplicates.

    Returns:
        What is kept, and each dropped item with the one that it resembles.
    """
    first_with: dict[tuple[int, int], T] = {}
    kept: list[T] = []
    dropped: list[tuple[T, T]] = []
    for print_, item in items:
        bands = list(enumerate(print_))
        like = next((first_with[band] for band in bands if band in first_with), None)
        if like is None:
            kept.append(item)
        else:
            dropped.append((item, like))
        for band in bands:
            first_with.setdefault(band, item if like is None else like)
    return kept, dropped


def _hash_of(rows: list[int]) -> int:
    return int.from_bytes(hashlib.blake2b(struct.pack(f"<{len(rows)}Q", *rows), digest_size=8).digest(), "little")
