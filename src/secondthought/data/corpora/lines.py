"""Lines of a piece: those that begin within its bytes, each with its place, none longer than can be held."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, NamedTuple

LONGEST = 32 * 2**20
"""Bytes of the longest line that is read: a file without ends of lines must not fill the memory."""


class PlacedLine(NamedTuple):
    """A `PlacedLine` is a line with the byte at which it begins; `data` is None where it is too long to be read."""

    place: int
    data: bytes | None


def lines_between(file: IO[bytes], start: int, stop: int | None, *, longest: int = LONGEST) -> Iterator[PlacedLine]:
    r"""Yield the lines that begin at bytes from `start` to before `stop`; the last one is read to its own end.

    Args:
        file: open at its beginning; it need not be able to seek where `start` is 0.
        start: the first byte. A line that began before it belongs to the piece before.
        stop: the byte after the last one; None reads to the end.
        longest: bytes of the longest line that is returned.

    >>> import io
    >>> [line.data for piece in ((0, 4), (4, 8)) for line in lines_between(io.BytesIO(b"a\nbcd\ne\n"), *piece)]
    [b'a\n', b'bcd\n', b'e\n']
    """
    place = start
    if start:
        file.seek(start - 1)
        place = start - 1 + _pass_over(file, longest)
    while stop is None or place < stop:
        data = file.readline(longest)
        if not data:
            return
        if len(data) == longest and not data.endswith(b"\n"):
            yield PlacedLine(place, None)
            place += len(data) + _pass_over(file, longest)
        else:
            yield PlacedLine(place, data)
            place += len(data)


def _pass_over(file: IO[bytes], most: int) -> int:
    """Read to the end of the line; return how many bytes that was."""
    passed = 0
    while data := file.readline(most):
        passed += len(data)
        if data.endswith(b"\n"):
            break
    return passed
