"""Files appear whole or not at all, and a disk that refuses them is named in a sentence.

A reader never sees half a file or half a directory: content goes to a name of its own that ends in `.partial` (see
`disk.new_file`), reaches the disk, and takes its name in one step. What a writer that died left behind is deleted by
the next one of the same name.

    new_directory    a directory that replaces what was there: one writer (a run holds its lock)
    publish          a directory that is never replaced: many writers of the same content (a cache)
    into_directory   files among others in a directory of a user's (a model)
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from secondthought import jsonl
from secondthought.disk import abandoned, new_file, read_text, sync_directory, temporary, why_unread, why_unwritten
from secondthought.errors import RunError


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
    with disk_errors(path), _filled(path) as partial:
        yield partial
        _sync_tree(partial)
        old = temporary(path)
        if path.exists():
            os.replace(path, old)
        os.replace(partial, path)
        sync_directory(path.parent)
        remove(old)


@contextlib.contextmanager
def publish(path: Path) -> Iterator[Path]:
    """Open a directory to fill; it takes its name when the block ends, unless another writer has published that name.

    What was published is never replaced, so a reader may copy it at leisure.
    """
    with disk_errors(path), _filled(path) as partial:
        yield partial
        _sync_tree(partial)
        with contextlib.suppress(FileExistsError, NotADirectoryError), _as_existing():
            os.rename(partial, path)
        remove(partial)
        sync_directory(path.parent)


@contextlib.contextmanager
def into_directory(path: Path) -> Iterator[Path]:
    """Open a directory to fill; its files move to `path` when the block ends, among others that may be there.

    `config.json`, without which nobody takes a directory for a model, leaves first and arrives last.
    """
    with disk_errors(path), _filled(path) as partial:
        yield partial
        _sync_tree(partial)
        path.mkdir(parents=True, exist_ok=True)
        (path / "config.json").unlink(missing_ok=True)
        for file in sorted(partial.iterdir(), key=lambda file: file.name == "config.json"):
            if file.is_dir():
                remove(path / file.name)
            os.replace(file, path / file.name)
        sync_directory(path)


@contextlib.contextmanager
def _filled(path: Path) -> Iterator[Path]:
    """Make a directory beside a path, and delete it when the block ends, if it is still there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in (*abandoned(path), path.with_name(path.name + ".partial")):  # the second: of an earlier version
        remove(left)
    partial = temporary(path)
    partial.mkdir()
    try:
        yield partial
    finally:
        remove(partial)


@contextlib.contextmanager
def _as_existing() -> Iterator[None]:
    """Turn the error of a directory that is there and not empty, which systems word differently, into one kind."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise FileExistsError(*error.args) from None
        raise


def copy(source: Path, target: Path) -> None:
    """Copy a file; the copy appears whole or not at all."""
    partial = temporary(target)
    try:
        shutil.copyfile(source, partial)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


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


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8; what UTF-8 cannot hold is written as an escape, which JSON reads back."""
    jsonl.require_plain(path)
    with new_file(path) as file:
        file.write(text)


def _sync_tree(path: Path) -> None:
    for item in path.rglob("*"):
        if item.is_file():
            with item.open("rb") as file:
                os.fsync(file.fileno())
