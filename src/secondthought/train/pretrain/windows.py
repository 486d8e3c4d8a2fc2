"""Documents become windows: runs of tokens that are read at once, so that each token of a document is learned once.

    document      b t t t t t t t t e         b: begins a text; e: ends it
    window 1      b|t t t t                   before the bar: read only
    window 2              t|t t t t
    window 3                      t|e

No window holds tokens of two documents, and none sees another: packing them into a row leaks nothing.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

from secondthought.train.likelihood.material import Example
from secondthought.types import TokenIds


@dataclass(frozen=True, slots=True)
class DocumentTokens:
    """A `DocumentTokens` is a text as ids; the first `num_read` of them are read and never learned, one at least."""

    ids: TokenIds
    num_read: int = 1


@dataclass(slots=True)
class TokenStore:
    """A `TokenStore` holds the tokens of many documents, four bytes each."""

    ids: array[int] = field(default_factory=lambda: array("I"))
    _starts: array[int] = field(default_factory=lambda: array("Q", [0]))
    _reads: array[int] = field(default_factory=lambda: array("I"))

    def add(self, document: DocumentTokens) -> None:
        """Keep a document."""
        self.ids.extend(document.ids)
        self._starts.append(len(self.ids))
        self._reads.append(document.num_read)

    def __len__(self) -> int:
        return len(self._reads)

    def place(self, number: int) -> tuple[int, int, int]:
        """Return where a document begins, where what is learned of it begins, and where it ends."""
        start = self._starts[number]
        return start, start + self._reads[number], self._starts[number + 1]

    def fingerprint(self, number: int) -> bytes:
        """Return a hash of a document's tokens: equal documents have equal ones."""
        start, _bar, stop = self.place(number)
        return hashlib.blake2b(self.ids[start:stop].tobytes(), digest_size=16).digest()


class Windows(Sequence[Example]):
    """A `Windows` holds the windows of some documents; each becomes an example when it is asked for."""

    def __init__(self, store: TokenStore, numbers: Iterable[int], max_length: int) -> None:
        """Cut the documents of these numbers into windows of at most `max_length` tokens."""
        self.documents = 0
        self.num_learned = 0
        """Tokens that are learned where every window is learned once."""
        self._store = store
        self._starts, self._bars, self._stops, self._numbers = array("Q"), array("Q"), array("Q"), array("Q")
        for number in numbers:
            self.documents += 1
            for start, bar, stop in spans(*store.place(number), max_length):
                self._starts.append(start)
                self._bars.append(bar)
                self._stops.append(stop)
                self._numbers.append(number + 1)
                self.num_learned += stop - bar

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, place: int) -> Example: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Example]: ...
    def __getitem__(self, place: int | slice) -> Example | Sequence[Example]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        start, bar, stop = self._starts[place], self._bars[place], self._stops[place]
        return Example(self._numbers[place], tuple(self._store.ids[start:bar]), tuple(self._store.ids[bar:stop]))

    def learned(self, place: int) -> int:
        """Return how many tokens of a window are learned."""
        return self._stops[place] - self._bars[place]

    def digest(self) -> str:
        """Return a hash of all tokens in these windows, and of where they begin and end."""
        found = hashlib.blake2b(digest_size=16)
        for start, bar, stop in zip(self._starts, self._bars, self._stops, strict=True):
            found.update(b"%d %d " % (bar - start, stop - start) + self._store.ids[start:stop].tobytes())
        return found.hexdigest()


def spans(start: int, bar: int, end: int, max_length: int) -> Iterator[tuple[int, int, int]]:
    """Cut a document into windows: where each begins, where what it learns begins, and where it ends.

    Args:
        start: where the document begins.
        bar: where what is learned of it begins, after `start` and less than `max_length` from it.
        end: where the document ends.
        max_length: most tokens of a window.

    >>> list(spans(0, 1, 10, 5))
    [(0, 1, 5), (4, 5, 9), (8, 9, 10)]
    >>> list(spans(0, 3, 10, 5))
    [(0, 3, 5), (4, 5, 9), (8, 9, 10)]
    """
    while bar < end:
        stop = min(start + max_length, end)
        yield start, bar, stop
        start, bar = stop - 1, stop
