"""Files packed by zstd are read here as a stream. One that ends within a frame is torn, and says so where it ends."""

from __future__ import annotations

import io
from typing import IO, Any

from secondthought.errors import ConfigError

ENDING = ".zst"
_CHUNK = 4096
"""Packed bytes to read at once: few, since each of them may hold many thousand others."""


class UnpackedFile(io.RawIOBase):
    """An `UnpackedFile` is what all frames of a packed file hold; `EOFError` is raised where the last one is not whole.

    The readers of `zstandard` end there as if all had been read.
    """

    def __init__(self, packed: IO[bytes], name: str) -> None:
        """Take the packed file, and its name for errors.

        Raises:
            ConfigError: `zstandard` is not installed.
        """
        try:
            from zstandard import ZstdDecompressor
        except ImportError:
            raise ConfigError(f"{name}: is unpacked by zstandard; install secondthought[corpora]") from None
        self._packed, self._unpacker = packed, ZstdDecompressor()
        self._frame: Any = None
        self._rest, self._ready = b"", memoryview(b"")

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with what comes next, as far as that is at hand; return how many bytes that is."""
        if not self._ready:
            self._ready = memoryview(self._next())
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size

    def _next(self) -> bytes:
        """Return what is unpacked next; nothing at the end."""
        while data := self._rest or self._packed.read(_CHUNK):
            frame = self._frame or self._unpacker.decompressobj()
            found: bytes = frame.decompress(data)
            self._frame, self._rest = (None, frame.unused_data) if frame.eof else (frame, b"")
            if found:
                return found
        if self._frame is not None:
            raise EOFError("it ends within a frame of zstd")
        return b""
