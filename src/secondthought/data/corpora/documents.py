"""Documents of a file are read one by one; what cannot be read is a `SetAside` with its place, never the end of work.

| format | a document is | its place |
|---|---|---|
| jsonl | a line, an object with a text | the byte at which the line begins |
| parquet | a row | the row's number, from 0 |
| warc | a record: the text of a WET file, or what `trafilatura` takes for the text of a page | the record's number |
| text | a file | 0 |
"""

from __future__ import annotations

import io
import json
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any, TypeAlias

from secondthought import jsonl
from secondthought.data.corpora import zstd
from secondthought.data.corpora.lines import LONGEST, lines_between
from secondthought.data.corpora.pieces import FileFormat, FileSpan
from secondthought.errors import ConfigError
from secondthought.text import whole

_BEGINNING = 200
"""Characters of what was set aside that are kept, to see what it was."""
_BATCH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """`Fields` name where a row holds what is wanted of it."""

    text: str = "text"
    id: str = "id"
    source: str = "source"
    licence: str = "licence"


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusDocument:
    """A `CorpusDocument` is one text with where it came from; `rest` holds the other fields of its row."""

    id: str
    text: str
    source: str
    licence: str | None = None
    rest: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A `SetAside` is a document that could not be read."""

    path: str
    place: int
    """See the table of this module."""
    reason: str
    beginning: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the row of the file of documents set aside."""
        return {"path": self.path, "place": self.place, "reason": self.reason, "beginning": self.beginning}


Read: TypeAlias = CorpusDocument | SetAside


def documents_of(span: FileSpan, fields: Fields, *, longest: int = LONGEST) -> Iterator[Read]:
    """Yield the documents of a span in order, and in their places what could not be read.

    Args:
        span: where they are.
        fields: where a row holds what.
        longest: bytes of the longest line, record or file of text that is read.

    Raises:
        ConfigError: a package that its format needs is not installed.
        OSError: the file cannot be reached: that may be another time, and its documents must not be taken for broken.
    """
    import fsspec

    broken: tuple[type[Exception], ...] = (*_broken(), OSError)
    is_zstd = span.path.endswith(zstd.ENDING)
    packed = None if is_zstd or span.format == "warc" else "infer"  # warcio unpacks record by record
    try:
        with fsspec.open(span.path, "rb", compression=packed) as opened:
            raw: Any = zstd.UnpackedFile(opened, span.path) if is_zstd else opened
            file = raw if hasattr(raw, "peek") or span.start else io.BufferedReader(raw)
            yield from _READERS[span.format](file, span, fields, longest)
    except broken as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        yield SetAside(path=span.path, place=span.start, reason=f"the file cannot be read on: {_one_line(error)}")


_BROKEN: tuple[type[Exception], ...] = (EOFError, ValueError, zlib.error, lzma.LZMAError)


def _broken() -> tuple[type[Exception], ...]:
    """Return what is raised where a file is torn or damaged; `OSError` with no number of the system says it, too."""
    found = _BROKEN
    with suppress(ImportError):
        from zstandard import ZstdError

        found += (ZstdError,)
    with suppress(ImportError):
        from warcio.exceptions import ArchiveLoadFailed

        found += (ArchiveLoadFailed,)
    return found


def _json_lines(file: IO[bytes], span: FileSpan, fields: Fields, longest: int) -> Iterator[Read]:
    for place, data in lines_between(file, span.start, span.stop, longest=longest):
        if data is None:
            yield SetAside(path=span.path, place=place, reason=f"the line is longer than {longest} bytes")
            continue
        row = _row_of(data)
        if row is not None:
            yield _of_row(row, span, place, fields)
            continue
        for line in jsonl.parse([data]):  # says what is wrong, and passes over blank lines
            if line.value is None:
                yield SetAside(path=span.path, place=place, reason=line.error or "", beginning=_begin(data))
            else:
                yield _of_row(line.value, span, place, fields)


def _row_of(data: bytes) -> dict[str, Any] | None:
    """Return the object of a line as nearly all are; None for any other, which takes a closer look."""
    try:
        value = json.loads(data.decode())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _parquet(file: IO[bytes], span: FileSpan, fields: Fields, longest: int) -> Iterator[Read]:
    try:
        from pyarrow import parquet
    except ImportError:
        raise ConfigError(f"{span.path}: parquet needs pyarrow; install secondthought[corpora]") from None
    number = 0
    for batch in parquet.ParquetFile(file).iter_batches(batch_size=_BATCH):
        for row in batch.to_pylist():
            yield _of_row(row, span, number, fields)
            number += 1


def _warc(file: IO[bytes], span: FileSpan, fields: Fields, longest: int) -> Iterator[Read]:
    try:
        from warcio.archiveiterator import ArchiveIterator
    except ImportError:
        raise ConfigError(f"{span.path}: WARC needs warcio; install secondthought[corpora]") from None
    for number, record in enumerate(ArchiveIterator(file)):
        if record.rec_type not in ("conversion", "response"):
            continue
        data = record.content_stream().read(longest)
        if record.rec_type == "conversion" and len(data) < min(record.length or 0, longest):
            reason = f"the record ends before its {record.length} bytes do"
            yield SetAside(path=span.path, place=number, reason=reason)
            continue
        found = data.decode("utf-8", "replace") if record.rec_type == "conversion" else _page_text(data, span)
        headers = record.rec_headers
        row = {
            fields.text: found or "",
            fields.id: headers.get_header("WARC-Record-ID") or "",
            "url": headers.get_header("WARC-Target-URI"),
            "date": headers.get_header("WARC-Date"),
        }
        yield _of_row(row, span, number, fields)


def _page_text(page: bytes, span: FileSpan) -> str | None:
    try:
        import trafilatura
    except ImportError:
        raise ConfigError(
            f"{span.path}: holds web pages, whose text trafilatura finds; install it (pip install trafilatura), or give"
            " the WET files of the same crawl, which hold texts"
        ) from None
    found: str | None = trafilatura.extract(page)
    return found


def _plain_text(file: IO[bytes], span: FileSpan, fields: Fields, longest: int) -> Iterator[Read]:
    data = file.read(longest + 1)
    if len(data) > longest:
        yield SetAside(path=span.path, place=0, reason=f"the file is longer than {longest} bytes")
        return
    yield _of_row({fields.text: data.decode("utf-8", "replace")}, span, 0, fields)


_READERS: dict[FileFormat, Callable[[IO[bytes], FileSpan, Fields, int], Iterator[Read]]] = {
    "jsonl": _json_lines,
    "parquet": _parquet,
    "warc": _warc,
    "text": _plain_text,
}


def _of_row(row: dict[str, Any], span: FileSpan, place: int, fields: Fields) -> Read:
    text = row.pop(fields.text, None)
    if not isinstance(text, str) or not text.strip():
        why = "is missing" if text is None else "is not text" if not isinstance(text, str) else "is empty"
        return SetAside(path=span.path, place=place, reason=f"field {fields.text!r} {why}")
    given = {name: row.pop(key, None) for name, key in (("id", fields.id), ("source", fields.source))}
    licence = row.pop(fields.licence, None)
    return CorpusDocument(
        id=str(given["id"]) if isinstance(given["id"], str | int) and given["id"] != "" else f"{span.path}:{place}",
        text=whole(text),
        source=given["source"] if isinstance(given["source"], str) and given["source"] else span.source,
        licence=None if licence is None else str(licence),
        rest=row,
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _begin(data: bytes) -> str:
    return data[:_BEGINNING].decode("utf-8", "replace").rstrip("\n")
