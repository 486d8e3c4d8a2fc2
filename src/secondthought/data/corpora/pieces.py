"""A corpus is cut into pieces of like size: several small files, one file, or a span of the lines of a large one.

A piece is what one task reads, begins again after a stop, and counts for itself. So a single file of many gigabytes is
shared by all workers, and a stop costs no more than the pieces that were under way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from secondthought.errors import ConfigError

FileFormat: TypeAlias = Literal["jsonl", "parquet", "warc", "text"]

FORMATS: tuple[FileFormat, ...] = get_args(FileFormat)
PIECE_BYTES = 64 * 2**20
"""Bytes of a piece: a few seconds of work, and no more is lost by a stop."""
_ENDS: dict[str, FileFormat] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".warc": "warc",
    ".txt": "text",
    ".md": "text",
    ".tex": "text",
    ".text": "text",
}
_PACKED = (".gz", ".zst", ".bz2", ".xz")


class FileSpan(NamedTuple):
    """A `FileSpan` is a file of a corpus, or the lines of it that begin at bytes from `start` to before `stop`."""

    path: str
    format: FileFormat
    source: str
    """The input that it belongs to: a folder's name, or a file's without its ending."""
    start: int = 0
    stop: int | None = None
    size: int = 0
    """Bytes as they are stored."""


Piece: TypeAlias = tuple[FileSpan, ...]


def pieces_of(inputs: Sequence[str], *, format: FileFormat | None = None, most: int = PIECE_BYTES) -> list[Piece]:
    """Cut the inputs into pieces, the same ones each time; what is next to each other stays so.

    Args:
        inputs: files, folders, or addresses that fsspec knows: `hf://datasets/OWNER/NAME/FOLDER`, `s3://...`.
        format: of all files; by default each file's ending tells, and others in a folder are passed over.
        most: bytes of a piece; a file that cannot be entered in its middle may have more.

    Raises:
        ConfigError: an input is not there, holds no file that can be read, or its ending says nothing.
    """
    spans = [span for each in inputs for span in _of_input(each, format, most)]
    begun: set[str] = set()
    for path in (span.path for span in spans if not span.start):
        if path in begun:
            raise ConfigError(f"{path}: is in two of the inputs; its documents would count twice")
        begun.add(path)
    return list(_gathered(spans, most))


def _gathered(spans: Sequence[FileSpan], most: int) -> Iterator[Piece]:
    gathered: list[FileSpan] = []
    for span in spans:
        if gathered and size_of(tuple(gathered)) + span.size > most:
            yield tuple(gathered)
            gathered = []
        gathered.append(span)
    if gathered:
        yield tuple(gathered)


def size_of(piece: Piece) -> int:
    """Return the bytes of a piece as they are stored."""
    return sum(span.size for span in piece)


def format_of(path: str) -> FileFormat | None:
    """Return the format that a file's ending tells; None where it tells nothing.

    >>> format_of("a/web-01.jsonl.zst"), format_of("notes.txt"), format_of("picture.png")
    ('jsonl', 'text', None)
    """
    name = Path(path)
    while name.suffix in _PACKED:
        name = name.with_suffix("")
    return _ENDS.get(name.suffix)


def _of_input(given: str, format: FileFormat | None, most: int) -> Iterator[FileSpan]:
    files, is_folder = _files(given)
    source = _stem(given)
    known = [(path, size, format or format_of(path)) for path, size in files]
    if not is_folder and known[0][2] is None:
        raise ConfigError(f"{given}: its ending does not tell what it is; give --format ({', '.join(FORMATS)})")
    read = [(path, size, kind) for path, size, kind in known if kind is not None and size]
    if not read:
        raise ConfigError(f"{given}: holds no file with text ({', '.join(_ENDS)}, packed or not); or give --format")
    for path, size, kind in read:
        if kind == "jsonl" and not path.endswith(_PACKED):
            for start in range(0, size, most):
                stop = min(start + most, size)
                yield FileSpan(path, kind, source, start, stop, stop - start)
        else:
            yield FileSpan(path, kind, source, size=size)


def _files(given: str) -> tuple[list[tuple[str, int]], bool]:
    """Return the files of an input with their sizes, in order, and whether it is a folder."""
    if "://" not in given:
        place = Path(given).expanduser()
        if place.is_dir():
            files = sorted(path for path in place.rglob("*") if path.is_file() and not _is_hidden(path, place))
            return [(str(path), path.stat().st_size) for path in files], True
        if not place.is_file():
            raise ConfigError(f"{given}: no such file or folder")
        return [(str(place), place.stat().st_size)], False
    return _remote_files(given)


def _remote_files(given: str) -> tuple[list[tuple[str, int]], bool]:
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(given)
        details: dict[str, dict[str, Any]] = system.find(path, detail=True)
        is_folder = bool(system.isdir(path))
    except (OSError, ValueError, ImportError) as error:
        raise ConfigError(f"{given}: cannot be reached: {error}") from None
    if not details:
        raise ConfigError(f"{given}: no such file or folder")
    return [
        (system.unstrip_protocol(name), int(info["size"] or 0)) for name, info in sorted(details.items())
    ], is_folder


def _is_hidden(path: Path, below: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(below).parts)


def _stem(given: str) -> str:
    name = (
        Path(given.rstrip("/")).expanduser().resolve().name if "://" not in given else given.rstrip("/").split("/")[-1]
    )
    return name.split(".")[0] or given
