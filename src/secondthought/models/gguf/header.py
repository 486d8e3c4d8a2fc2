"""The header of a GGUF file: settings by name, and where each tensor lies. No tensor is read, and nothing is trusted.

`gguf`'s own reader makes an array of every token of a vocabulary, which takes many seconds; this one takes a fraction
of one. The layout is that of GGUF versions 2 and 3, little-endian.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secondthought.disk import why_unread
from secondthought.errors import PolicyError

MAGIC = b"GGUF"
AGAIN = "copy or download it again"
VERSIONS = (2, 3)

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _LIST = 8, 9
_MOST_DIMENSIONS = 4
_ALIGNMENT = 32
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A `StoredTensor` says where a tensor lies in a file, and how its numbers are packed."""

    name: str
    shape: tuple[int, ...]
    """Rows first, as torch counts."""
    packing: int
    """The number of a `GGMLQuantizationType`."""
    start: int
    """Place of the tensor's first byte in the file."""

    @property
    def count(self) -> int:
        """Return how many numbers it holds."""
        found = 1
        for size in self.shape:
            found *= size
        return found


@dataclass(frozen=True, slots=True)
class Header:
    """A `Header` is what a GGUF file says of its model."""

    path: Path
    fields: Mapping[str, Any]
    tensors: Mapping[str, StoredTensor]

    @property
    def architecture(self) -> str:
        """Return the name that the file gives its architecture."""
        return str(self.need("general.architecture", str))

    def need(self, name: str, kind: type) -> Any:
        """Return a setting that must be there.

        Raises:
            PolicyError: it is missing or of another kind.
        """
        found = self.get(name, kind)
        if found is None:
            raise PolicyError(f"{self.path}: {name} is missing, so no model can be made of it; {AGAIN}")
        return found

    def get(self, name: str, kind: type, default: Any = None) -> Any:
        """Return a setting, or the default where there is none; a whole number does where a fraction is asked for.

        Raises:
            PolicyError: it is of another kind.
        """
        found = self.fields.get(name, default)
        if kind is float and type(found) is int:
            found = float(found)
        if found is not None and type(found) is not kind:
            raise PolicyError(f"{self.path}: {name} must be of kind {kind.__name__}, not {type(found).__name__}")
        return found

    def setting(self, name: str, kind: type, default: Any = None) -> Any:
        """Return a setting of the architecture, whose name begins with the architecture's; see `get`."""
        return self.get(f"{self.architecture}.{name}", kind, default)


def is_gguf(path: str | Path) -> bool:
    """Return whether a path is meant to be a GGUF file, by its name or, of a file that is there, by its first bytes."""
    file = Path(path).expanduser()
    if file.is_dir():
        return False
    if file.suffix.lower() == ".gguf":
        return True
    try:
        with file.open("rb") as stream:
            return stream.read(len(MAGIC)) == MAGIC
    except (OSError, ValueError):
        return False


def why_no_gguf(path: str | Path) -> str:
    """Say why a path that is meant to be a GGUF file cannot be one; empty if it may be. Little of it is read."""
    file = Path(path).expanduser()
    try:
        with file.open("rb") as stream:
            first = stream.read(64)
    except OSError as error:
        return why_unread(path, error, absent="there is no such file").removeprefix(f"{path}: ")
    if first.startswith(b"version https://git-lfs"):
        return "is a pointer of git-lfs, not the model; get it with: git lfs pull"
    if not first.startswith(MAGIC):
        return f"is called a GGUF file and is none (it begins with {first[:4]!r}); {AGAIN}"
    part = _PART.search(file.name)
    if part and int(part[2]) > 1:
        return (
            f"is part {int(part[1])} of {int(part[2])} of a model; join the parts first"
            " (llama-gguf-split --merge FIRST_PART WHOLE), or get the model in one file"
        )
    return ""


def read_header(path: str | Path) -> Header:
    """Read what a GGUF file says of itself.

    Raises:
        PolicyError: there is no such file, it is cut off or damaged, or of a version that is not read.
    """
    file = Path(path).expanduser()
    if reason := why_no_gguf(path):
        raise PolicyError(f"{path}: {reason}")
    try:
        with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _parsed(file, data)
    except OSError as error:
        raise PolicyError(why_unread(path, error)) from None
    except (ValueError, struct.error, IndexError) as error:
        raise PolicyError(f"{path}: is cut off or damaged ({error}); {AGAIN}") from None


def _parsed(file: Path, data: mmap.mmap) -> Header:
    cursor = _Cursor(data, len(MAGIC))
    version = cursor.number("I")
    if version not in VERSIONS:
        swapped = int.from_bytes(struct.pack("<I", version), "big")
        what = "big-endian" if swapped in VERSIONS else f"of version {version}"
        raise PolicyError(f"{file}: is a GGUF file {what}, and little-endian files of versions 2 and 3 are read")
    tensors, settings = cursor.number("Q"), cursor.number("Q")
    fields = dict(cursor.settings(settings))
    listed = list(cursor.tensors(tensors))
    alignment = fields.get("general.alignment", _ALIGNMENT)
    if not isinstance(alignment, int) or alignment <= 0:
        raise ValueError(f"general.alignment is {alignment!r}")
    begin = -(-cursor.at // alignment) * alignment
    found = {name: StoredTensor(name, shape, packing, begin + start) for name, shape, packing, start in listed}
    if len(found) != len(listed):
        raise ValueError("two tensors have one name")
    if beyond := next((one for one in found.values() if one.start >= len(data)), None):
        raise ValueError(f"{beyond.name} lies beyond its end")
    return Header(path=file, fields=fields, tensors=found)


class _Cursor:
    """A `_Cursor` reads one thing after the other, and never past the end."""

    def __init__(self, data: mmap.mmap, at: int) -> None:
        self._data, self.at = data, at

    def number(self, code: str) -> Any:
        (found,) = struct.unpack_from(f"<{code}", self._data, self.at)
        self.at += struct.calcsize(code)
        return found

    def text(self) -> str:
        length = self.number("Q")
        if length > len(self._data) - self.at:
            raise ValueError("a text is longer than the file")
        found = self._data[self.at : self.at + length].decode("utf-8")
        self.at += length
        return found

    def settings(self, count: int) -> Iterator[tuple[str, Any]]:
        """Yield names and values."""
        for _ in range(count):
            name = self.text()
            yield name, self._value(self.number("I"))

    def tensors(self, count: int) -> Iterator[tuple[str, tuple[int, ...], int, int]]:
        """Yield names, shapes, packings and offsets."""
        for _ in range(count):
            name, dimensions = self.text(), self.number("I")
            if dimensions > _MOST_DIMENSIONS:
                raise ValueError(f"{name} has {dimensions} dimensions")
            shape = tuple(self.number("Q") for _ in range(dimensions))
            yield name, shape[::-1], self.number("I"), self.number("Q")

    def _value(self, kind: int) -> Any:
        if kind == _TEXT:
            return self.text()
        if kind == _LIST:
            return self._list(self.number("I"), self.number("Q"))
        if kind not in _SCALARS:
            raise ValueError(f"a setting is of the unknown kind {kind}")
        return self.number(_SCALARS[kind])

    def _list(self, kind: int, count: int) -> list[Any]:
        if kind == _TEXT:
            if count > (len(self._data) - self.at) // 8:
                raise ValueError("a list is longer than the file")
            return [self.text() for _ in range(count)]
        code = _SCALARS.get(kind, "")
        if not code:
            raise ValueError(f"a list holds the unknown kind {kind}")
        size = struct.calcsize(code)
        if count > (len(self._data) - self.at) // size:
            raise ValueError("a list is longer than the file")
        found = list(struct.unpack_from(f"<{count}{code}", self._data, self.at))
        self.at += count * size
        return found
