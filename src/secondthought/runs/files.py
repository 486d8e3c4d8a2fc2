"""Files appear whole or not at all, and a disk that refuses them is named in a sentence.

A reader never sees half a file: content goes to `NAME.partial`, reaches the disk, and takes its name in one step. What
an interrupted write leaves behind is called `.partial` and nothing reads it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from secondthought import jsonl
from secondthought.disk import read_text, why_unread, why_unwritten
from secondthought.errors import RunError

PARTIAL = ".partial"


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write one object, indented; NaN becomes null."""
    # Through jsonl.dumps, so that what JSON lacks (NaN, tuples, paths) is handled in one place.
    text = jsonl.dumps(value, indent=2) + "\n"
    with disk_errors(path):
        write_text(path, text)


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one object per line."""
    with disk_errors(path):
        write_text(path, "".join(jsonl.dumps(row) + "\n" for row in rows))


def read_json(path: Path) -> dict[str, Any]:
    """Read the object in a file.

    Raises:
        RunError: the file is missing, or does not hold one JSON object.
    """
    try:
        value = json.loads(read_text(path))
    except OSError as error:
        raise RunError(why_unread(path, error, absent="no such file")) from None
    except (ValueError, RecursionError):
        raise RunError(f"{path}: is not JSON; it was not written by secondthought or was edited") from None
    if not isinstance(value, dict):
        raise RunError(f"{path}: holds no JSON object; it was not written by secondthought or was edited")
    return value


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a JSONL file; a torn last line, which a killed process leaves, is passed over.

    Raises:
        RunError: a line before the last is not a JSON object, or the file is missing.
    """
    torn: str | None = None
    try:
        for line in jsonl.read(path):
            if torn is not None:
                raise RunError(torn)
            if line.value is None:
                torn = f"{path}: line {line.number} {line.error}; delete the line or restore the file"
            else:
                yield line.value
    except OSError as error:
        raise RunError(why_unread(path, error, absent="no such file")) from None


@contextlib.contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Open a directory to fill; it takes its name when the block ends, and is deleted if the block raises.

    A directory of that name that was there before is replaced: a resumed run writes a checkpoint again.
    """
    partial = path.with_name(path.name + PARTIAL)
    with disk_errors(path):
        remove(partial)
        partial.mkdir(parents=True)
        try:
            yield partial
            _sync_tree(partial)
            remove(path)
            os.replace(partial, path)
            sync_directory(path.parent)
        except BaseException:
            remove(partial)
            raise


def remove(path: Path) -> None:
    """Delete a file, a link (never what it points to) or a directory; nothing happens if it is not there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into a RunError of one sentence that names the path."""
    try:
        yield
    except OSError as error:
        raise disk_error(path, error) from error


def disk_error(path: Path, error: OSError) -> RunError:
    """Return the sentence for an OSError."""
    return RunError(why_unwritten(path, error))


def sync_directory(path: Path) -> None:
    """Bring the names in a directory to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8; what UTF-8 cannot hold is written as an escape, which JSON reads back."""
    jsonl.require_plain(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + PARTIAL)
    try:
        with partial.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def _sync_tree(path: Path) -> None:
    for item in path.rglob("*"):
        if item.is_file():
            with item.open("rb") as file:
                os.fsync(file.fileno())
