"""Where the rows of a data set lie: JSON lines, a JSON array, either of them compressed, parquet, or a hub.

A source is a path, or `hub:OWNER/NAME[:CONFIG[:SPLIT]]`. Rows are read one by one, so that only a JSON array is
ever in memory as a whole. Nothing that a source holds is run.
"""

from __future__ import annotations

import gzip
import importlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from secondthought import jsonl
from secondthought.disk import why_unread
from secondthought.errors import TaskError, first_line

HUB = "hub:"
"""What a source on a hub begins with."""
_JSON_MARKS = b"\xef\xbb\xbf \t\r\n"


class PlacedRow(NamedTuple):
    """A `PlacedRow` is a row, and the part of a sentence that says where it stands."""

    place: str
    row: Mapping[str, Any]


def read_rows(source: str | Path) -> Iterator[PlacedRow]:
    """Yield the rows of a source, in its order.

    Raises:
        TaskError: the source is not there, cannot be read, or holds something that is no row; the sentence says where,
            and what to do about it.
    """
    name = str(source)
    if name.startswith(HUB):
        yield from _of_hub(name)
        return
    path = Path(name).expanduser()
    try:
        jsonl.require_plain(path)
        if path.suffix == ".parquet":
            yield from _of_parquet(path)
        else:
            yield from _of_json(path)
    except EOFError:
        raise TaskError(f"{path}: ends too early; it was not written or copied to its end") from None
    except OSError as error:
        raise TaskError(why_unread(path, error)) from None


def _of_json(path: Path) -> Iterator[PlacedRow]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rb") as file:
        begins = file.read(64).lstrip(_JSON_MARKS)
        file.seek(0)
        yield from _of_array(path, file.read()) if begins.startswith(b"[") else _of_lines(path, file)


def _of_lines(path: Path, lines: Any) -> Iterator[PlacedRow]:
    for line in jsonl.parse(lines):
        if line.value is None:
            raise TaskError(f"{path}, line {line.number}: {line.error}")
        yield PlacedRow(f"{path}, line {line.number}", line.value)


def _of_array(path: Path, text: bytes) -> Iterator[PlacedRow]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TaskError(f"{path}: is not JSON ({error}); write one object a line, or one JSON array") from None
    for number, row in enumerate(value, start=1):
        if not isinstance(row, dict):
            raise TaskError(f"{path}, row {number}: is not a JSON object")
        yield PlacedRow(f"{path}, row {number}", row)


def _of_parquet(path: Path) -> Iterator[PlacedRow]:
    parquet = _needs("pyarrow.parquet", str(path))
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                for row in batch.to_pylist():
                    number += 1
                    yield PlacedRow(f"{path}, row {number}", row)
    except (ValueError, NotImplementedError) as error:  # what pyarrow's own errors are
        raise TaskError(f"{path}: cannot be read as parquet: {first_line(error)}") from None


def _of_hub(name: str) -> Iterator[PlacedRow]:
    """Stream a data set from its hub, or from what `datasets` has kept of it."""
    owner, *rest = name.removeprefix(HUB).split(":")
    config, split = (*rest, "", "")[:2]
    if not owner or len(rest) > 2:
        raise TaskError(f"{name}: a data set on a hub is named hub:OWNER/NAME, hub:OWNER/NAME:CONFIG or with :SPLIT")
    datasets = _needs("datasets", name)
    place = name.removeprefix(HUB)
    try:
        rows = datasets.load_dataset(owner, config or None, split=split or "train", streaming=True)
        for number, row in enumerate(rows, start=1):
            yield PlacedRow(f"{place}, row {number}", row)
    except Exception as error:  # whatever a network, a hub and its library may raise
        raise TaskError(
            f"{place}: cannot be fetched ({type(error).__name__}: {first_line(error).rstrip('.')}); where there is no"
            " network, or the data set asks for an account, download its files elsewhere and give their paths"
        ) from None


def _needs(module: str, what: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise TaskError(
            f"{what}: reading it needs {module.partition('.')[0]}: pip install 'secondthought[data]'; files of JSON"
            " lines need nothing"
        ) from None
