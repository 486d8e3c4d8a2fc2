"""Checkpoints made of GGUF files are kept in the user's cache, by what is in the file and not by its name.

    ~/.cache/secondthought/gguf/           or below $XDG_CACHE_HOME
        known/NAME.json                    the digest of a file that was seen, by its place, size and times
        DIGEST-FORMAT/                     a checkpoint directory; it takes its name when it is whole

A file that was moved or renamed is read once to know its digest, and its checkpoint is found. All of it may be deleted.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from pathlib import Path
from typing import Any

from filelock import FileLock

from secondthought.disk import abandoned, new_file, temporary, why_unread, why_unwritten
from secondthought.errors import PolicyError
from secondthought.models.checkpoint_files import WEIGHTS
from secondthought.models.gguf.checkpoint import bytes_of_weights, write_checkpoint
from secondthought.models.gguf.header import Header, is_gguf, read_header, why_no_gguf
from secondthought.progress import SILENT, Onlooker

logger = logging.getLogger(__name__)

FORMAT = 1
"""Counts up when the same file would make another checkpoint."""
_SPARE = 64_000_000
"""Bytes beside the weights: a large vocabulary, and room for the system."""


def cache_directory() -> Path:
    """Return where checkpoints made of GGUF files are kept."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "secondthought" / "gguf"


def ordinary(path: str | Path, onlooker: Onlooker = SILENT) -> str | Path:
    """Return what to load in place of a path: of a GGUF file the checkpoint made of it, else the path itself.

    Raises:
        ConfigError: the package `gguf` is not installed.
        PolicyError: the file cannot be read or is of a kind that is not known, or its checkpoint cannot be written.
    """
    return checkpoint_of(path, onlooker) if is_gguf(path) else path


def checkpoint_of(path: str | Path, onlooker: Onlooker = SILENT) -> Path:
    """Return the checkpoint directory made of a GGUF file; see `ordinary`. Two processes at once make it once."""
    file, cache = Path(path).expanduser(), cache_directory()
    if reason := why_no_gguf(path):
        raise PolicyError(f"{path}: {reason}")
    try:
        (cache / "known").mkdir(parents=True, exist_ok=True)
        found = cache / f"{digest_of(file)[:32]}-{FORMAT}"
        if not _is_whole(found):
            with FileLock(f"{found}.lock"):
                if not _is_whole(found):
                    _make(read_header(path), found, onlooker)
    except OSError as error:
        raise PolicyError(f"{path}: {why_unwritten(cache, error)}, or set XDG_CACHE_HOME to another place") from None
    return found


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file; of one that has been seen and has not changed since, without reading it.

    Raises:
        PolicyError: it cannot be read.
    """
    place = file.resolve()
    seen = _state(place)
    note = cache_directory() / "known" / f"{hashlib.sha256(str(place).encode()).hexdigest()[:32]}.json"
    try:
        kept = json.loads(note.read_text(encoding="utf-8"))
        if kept["state"] == seen and isinstance(kept["sha256"], str):
            return str(kept["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not seen before, or the note was cut off: the file itself is asked
    try:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise PolicyError(why_unread(file, error)) from None
    with new_file(note) as out:
        json.dump({"path": str(place), "state": seen, "sha256": digest}, out)
    return digest


def _state(file: Path) -> dict[str, Any]:
    """Return what changes when a file does: the time of the last change of its entry cannot be set back."""
    found = file.stat()
    return {
        "size": found.st_size,
        "modified": found.st_mtime_ns,
        "changed": found.st_ctime_ns,
        "inode": found.st_ino,
        "device": found.st_dev,
    }


def _is_whole(directory: Path) -> bool:
    return all((directory / name).is_file() for name in ("config.json", WEIGHTS, "tokenizer.json"))


def _make(header: Header, directory: Path, onlooker: Onlooker) -> None:
    needed, free = bytes_of_weights(header) + _SPARE, shutil.disk_usage(directory.parent).free
    if needed > free:
        raise PolicyError(
            f"{header.path}: the checkpoint made of it takes {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free"
            f" in {directory.parent}; free some, or set XDG_CACHE_HOME to another place"
        )
    for left in (*abandoned(directory), directory):
        shutil.rmtree(left, ignore_errors=True)
    partial = temporary(directory)
    try:
        partial.mkdir()
        write_checkpoint(header, partial, onlooker)
        os.replace(partial, directory)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    size = sum(file.stat().st_size for file in directory.iterdir())
    logger.info("%s: its checkpoint is kept in %s (%.1f GB)", header.path, directory, size / 1e9)
