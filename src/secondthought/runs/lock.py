"""A lock keeps a run directory to one writer.

The operating system holds the lock and drops it when its process dies, so a dead process on the same host never blocks
a run, whatever its pid is now used for. The file also names its owner: for the sentence that the second process shows,
and because a network file system may not pass locks between hosts. A lock of another host is therefore respected until
it is released or its file is deleted by hand.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

from secondthought.errors import RunError
from secondthought.runs.files import disk_errors

NAME = "lock.json"


class Lock:
    """A `Lock` is held from `acquire` to `release`, or to the end of the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def acquire(cls, directory: Path) -> Lock:
        """Take the lock of a run directory.

        Raises:
            RunError: another process writes this run; the sentence names it.
        """
        path = directory / NAME
        with disk_errors(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _take(descriptor, path)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor)

    def release(self) -> None:
        """Give the lock back; the file stays, empty, since deleting it would let two processes hold two files."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def is_held(directory: Path) -> bool:
    """Return True if a living process writes this run now."""
    try:
        descriptor = os.open(directory / NAME, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return _other_host(_owner(descriptor))
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path) -> None:
    if not _locked(descriptor):
        owner = _owner(descriptor)
        raise RunError(f"{path.parent}: process {owner.get('pid', '?')} is writing this run; wait or stop it") from None
    owner = _owner(descriptor)
    if _other_host(owner):
        raise RunError(
            f"{path.parent}: process {owner.get('pid', '?')} on host {owner['host']} is writing this run; "
            f"if that process is gone, delete {path}"
        )
    with disk_errors(path):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "host": platform.node()}).encode(), 0)


def _locked(descriptor: int) -> bool:
    # More than once: `is_held`, in another process, has the lock for a moment while it looks.
    for _ in range(5):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(0.02)
        else:
            return True
    return False


def _other_host(owner: dict[str, Any]) -> bool:
    return bool(owner.get("host", platform.node()) != platform.node())


def _owner(descriptor: int) -> dict[str, Any]:
    """Read who wrote the file; empty for a released lock, or one that was torn while being written."""
    try:
        value = json.loads(os.pread(descriptor, 4096, 0))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
