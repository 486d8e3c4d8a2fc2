"""The disk as users meet it: places below `~`, texts in the encodings of editors, one sentence for each refusal."""

from __future__ import annotations

import codecs
import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
