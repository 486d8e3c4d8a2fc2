"""Trunks that were read before are kept for a while, so that a conversation that goes on reads only what is new.

A reflection's trunk is the problem and the failed try; a retry that begins anew is the problem with a note. Both begin
with what was read for the first try. What is kept is bounded in bytes, and what was used longest ago goes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from secondthought.inference.branch_cache import Trunks
from secondthought.trees import shared_prefix
from secondthought.types import TokenIds

KEPT_BYTES = 2**30
"""Most bytes of keys and values that are kept; those that a running cache shares are counted too."""
WORTH = 256
"""Fewer tokens are sooner read again than looked for."""


class Begun(NamedTuple):
    """A `Begun` says where the first `length` tokens of a trunk have been read: in trunk number `at` of `trunks`."""

    trunks: Trunks
    at: int
    length: int


class PrefixCache:
    """Keys and values of trunks, those used latest last."""

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self.most_bytes = most_bytes
        self._kept: list[Trunks] = []

    @property
    def num_bytes(self) -> int:
        """Return the bytes that are kept."""
        return sum(trunks.num_bytes for trunks in self._kept)

    def keep(self, trunks: Trunks) -> None:
        """Keep what has been read, and drop what was used longest ago where there is too much."""
        self._kept.append(trunks)
        while self.num_bytes > self.most_bytes:
            del self._kept[0]

    def find(self, ids: TokenIds, *, running: Sequence[Trunks] = ()) -> Begun | None:
        """Return where most of a trunk has been read, here or by rows that run; None if little of it or nothing was.

        A whole trunk of rows that run is found however short it is.
        """
        best: Begun | None = None
        for number, trunks in enumerate((*running, *self._kept)):
            least = min(WORTH, len(ids)) if number < len(running) else WORTH
            for at, read in enumerate(trunks.ids):
                length = _alike(ids, read, more_than=best.length if best else least - 1)
                if length:
                    best = Begun(trunks, at, length)
        if best is not None and best.trunks in self._kept:
            self._kept.remove(best.trunks)
            self._kept.append(best.trunks)
        return best


def _alike(ids: TokenIds, other: TokenIds, *, more_than: int) -> int:
    """Return how many tokens two texts begin with in common, 0 if no more than `more_than`.

    >>> _alike((1, 2, 3, 4), (1, 2, 3, 5), more_than=2), _alike((1, 2, 3, 4), (1, 2, 3, 5), more_than=3)
    (3, 0)
    """
    if ids[: more_than + 1] != other[: more_than + 1]:
        return 0
    length = len(shared_prefix([ids, other]))
    return length if length > more_than else 0
