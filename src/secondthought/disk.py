"""The disk as users meet it: places below `~`, texts in the encodings of editors, one sentence for each refusal.

A file that we write appears whole or not at all, however many processes write it at once: content goes to a name that
no other writer has, reaches the disk, and takes its own name in one step.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import hashlib
import io
import itertools
import os
import platform
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TextIO

PARTIAL = ".partial"
"""The end of the name of what is being written, or was when its writer died: nothing reads it."""
_COUNT = itertools.count()
_WRITER = re.compile(r"\.([0-9a-f]{8})-(\d+)-\d+\.partial")

_FULL = (errno.ENOSPC, errno.EDQUOT)
_REMEDIES = {
    errno.ELOOP: "it is a link that leads to itself",
    errno.EMFILE: "too many files are open, raise the limit (ulimit -n)",
    errno.EROFS: "the file system is read-only, choose another place",
}
_TO_READ = {
    errno.EISDIR: "name a file in it",
    errno.EACCES: "give yourself the right to read it (chmod u+r)",
    errno.EPERM: "give yourself the right to read it",
}
_TO_WRITE = {
    errno.EISDIR: "name a file",
    errno.EEXIST: "it is a file, and a directory is needed; choose another name",
    errno.EACCES: "choose a place that is yours, or change its rights",
    errno.EPERM: "choose a place that is yours, or change its rights",
}
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def at_home(value: Any) -> Any:
    """Return a value with `~` of its places written out: paths, texts that begin with `~/`, and collections of these.

    >>> at_home(Path("~/runs")) == Path.home() / "runs", at_home(("small", 3))
    (True, ('small', 3))
    """
    if isinstance(value, Path):
        return type(value)(os.path.expanduser(value))  # Path.expanduser raises where there is no such user
    if isinstance(value, str):
        return os.path.expanduser(value) if value == "~" or value.startswith("~/") else value
    if isinstance(value, dict):
        return {key: at_home(item) for key, item in value.items()}
    return type(value)(map(at_home, value)) if type(value) in (list, tuple) else value


def decoded(data: bytes) -> str:
    r"""Return the text of a file: UTF-8, with or without the mark that some editors begin a file with.

    Raises:
        ValueError: the bytes are no UTF-8; the message goes on a sentence that names the file.

    >>> decoded(b"\xef\xbb\xbfa = 1")
    'a = 1'
    """
    if data.startswith(_UTF_16):
        raise ValueError("is UTF-16, not UTF-8; save it as UTF-8")
    if b"\0" in data:
        raise ValueError("holds zero bytes, as UTF-16 and binary files do; save it as UTF-8 text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"is not UTF-8 (line {line}); save it as UTF-8") from None


def read_text(path: Path) -> str:
    """Read a text file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no UTF-8.
    """
    return decoded(path.read_bytes())


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[TextIO]:
    """Open a text file to write; it takes its name when the block ends, and is deleted if the block raises.

    What UTF-8 cannot hold is written as an escape, which JSON reads back.
    """
    with new_binary_file(path) as binary:
        file = io.TextIOWrapper(binary, encoding="utf-8", errors="backslashreplace")
        yield file
        file.flush()
        file.detach()


@contextlib.contextmanager
def new_binary_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file of bytes to write; it takes its name when the block ends, and is deleted if the block raises."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in abandoned(path):
        left.unlink(missing_ok=True)
    partial = temporary(path)
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None and error.errno in _FULL:
            error.filename = str(path)  # the system says of a full disk only that it is full
        raise
    sync_directory(path.parent)


def temporary(path: Path) -> Path:
    """Return a name beside a path that no other writer has, in this process, on this machine or on another."""
    return path.with_name(f"{path.name[:200]}.{_host()}-{os.getpid()}-{next(_COUNT)}{PARTIAL}")


def abandoned(path: Path) -> Iterator[Path]:
    """Yield what writers of a path left beside it that are no more: of this machine, whose processes can be seen."""
    for left in path.parent.glob(f"{_literal(path.name[:200])}.*{PARTIAL}"):
        writer = _WRITER.fullmatch(left.name[len(path.name[:200]) :])
        if writer and writer[1] == _host() and not _is_alive(int(writer[2])):
            yield left


def sync_directory(path: Path) -> None:
    """Bring the names in a directory to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _host() -> str:
    return hashlib.blake2b(platform.node().encode(), digest_size=4).hexdigest()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


def _literal(name: str) -> str:
    """Return a name as a pattern that means nothing but the name."""
    return re.sub(r"([*?[])", r"[\1]", name)


def why_unread(path: str | Path, error: OSError, *, absent: str = "cannot be read: No such file or directory") -> str:
    """Say why a file cannot be read, and what to do: a sentence that names it; `absent` is said where none is there."""
    where = Path(path)
    if isinstance(error, FileNotFoundError):
        if where.is_symlink():
            return f"{path}: is a link to {os.readlink(where)}, which is not there"
        return f"{path}: {absent}{_missing_parent(where)}"
    return f"{path}: cannot be read: {_words(where, error, _TO_READ)}"


def why_unwritten(path: str | Path, error: OSError) -> str:
    """Say why something cannot be written, and what to do: one sentence that names the place."""
    if error.errno in _FULL:
        again = "give the command again (a run goes on with --resume)"
        return f"{path}: the disk is full; free some space, then {again}"
    return f"{path}: cannot be written: {_words(Path(path), error, _TO_WRITE)}"


def why_refused(error: OSError) -> str:
    """Say what the system refused, where it is not known what was wanted: one sentence."""
    place = error.filename
    if error.errno in (*_FULL, errno.EROFS):
        return why_unwritten(place or "a file", error)
    if place is None:
        return error.strerror or str(error)
    if isinstance(error, FileNotFoundError | IsADirectoryError):
        return why_unread(place, error)
    return f"{place}: {_words(Path(place), error, _TO_WRITE)}"


def _words(where: Path, error: OSError, remedies: Mapping[int, str]) -> str:
    """Return the system's own words, and the remedy where there is one."""
    words = error.strerror or str(error)
    if isinstance(error, NotADirectoryError):
        file = next((parent for parent in where.parents if parent.is_file()), where)
        return f"{words}: {file} is a file"
    remedy = remedies.get(error.errno or 0) or _REMEDIES.get(error.errno or 0)
    return f"{words}; {remedy}" if remedy else words


def _missing_parent(where: Path) -> str:
    """Return the first directory on the way that is not there, to be added to a sentence; empty if all are."""
    missing = [parent for parent in where.parents if not parent.exists()]
    return f" (there is no directory {missing[-1]})" if missing else ""
