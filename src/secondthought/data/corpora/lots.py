"""Each document has a lot, a number that its place alone decides; those with the lowest lots are a random sample.

So a sample of any stratum (documents that show a mark, documents that do not) is drawn while they stream by, by any
number of workers: the lowest lots of all pieces are the lowest of the lowest of each.
"""

from __future__ import annotations

import hashlib
from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

KEPT = 100
"""Documents of each stratum whose lots are kept."""


class Lot(NamedTuple):
    """A `Lot` is a document's number in the draw, and where it was written: its piece, and its line there from 0."""

    number: int
    piece: int
    line: int


def lot_of(piece: int, line: int) -> Lot:
    """Return the lot of a document."""
    digest = hashlib.blake2b(f"{piece}:{line}".encode(), digest_size=6).digest()
    return Lot(int.from_bytes(digest, "big"), piece, line)


@dataclass(slots=True)
class LowestLots:
    """`LowestLots` are the lowest lots of a stratum so far, in order."""

    lots: list[Lot] = field(default_factory=list)

    def add(self, lot: Lot) -> None:
        """Let one more document take part."""
        if len(self.lots) == KEPT:
            if lot > self.lots[-1]:  # nearly always
                return
            self.lots.pop()
        insort(self.lots, lot)

    def merge(self, other: LowestLots) -> None:
        """Let the documents of another part take part."""
        for lot in other.lots:
            self.add(lot)


@dataclass(slots=True)
class MarkSample:
    """A `MarkSample` is a sample of the documents that show a mark, and one of those that do not."""

    shown: LowestLots = field(default_factory=LowestLots)
    absent: LowestLots = field(default_factory=LowestLots)

    def add(self, is_shown: bool, lot: Lot) -> None:
        """Let one more document take part, in its stratum."""
        (self.shown if is_shown else self.absent).add(lot)

    def merge(self, other: MarkSample) -> None:
        """Let the documents of another part take part."""
        self.shown.merge(other.shown)
        self.absent.merge(other.absent)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> MarkSample:
        """Return the sample that `dataclasses.asdict` wrote."""
        return cls(**{name: LowestLots([Lot(*lot) for lot in lowest["lots"]]) for name, lowest in state.items()})
