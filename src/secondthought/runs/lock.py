"""A lock keeps a directory, a run's or a study's, to one writer.

The operating system holds the lock and drops it when its process dies, so a dead process on the same host never blocks
a run, whatever its pid is now used for. The file also names its owner: for the sentence that the second process shows,
and because a network file system may not pass locks between hosts. A lock of another host is therefore respected until
it is released or its file is deleted by hand.

Some network file systems have no locks at all. There a marker file stands in (`filelock`): made in one step, and taken
over when the process that made it, told by pid and start time, is dead.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from secondthought.errors import RunError
from secondthought.runs.files import disk_errors

if TYPE_CHECKING:
    from filelock import SoftFileLock

NAME = "lock.json"
MARKER = "lock.marker"
"""Stands beside `lock.json` while a run is written on a file system without locks."""
NAMES = (NAME, MARKER)
_NO_LOCKS = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL})
"""What `flock` says where a file system has no locks; anything else but "would block" is a failure of the disk."""
_HELD = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})


class Lock:
    """A `Lock` is held from `acquire` to `release`, or to the end of the process."""

    def __init__(self, descriptor: int, marker: SoftFileLock | None = None) -> None:
        self._descriptor: int | None = descriptor
        self._marker = marker

    @classmethod
    def acquire(cls, directory: Path, what: str = "run") -> Lock:
        """Take the lock of a directory; `what` it holds is said to who comes second.

        Raises:
            RunError: another process writes there; the sentence names it.
        """
        path = directory / NAME
        with disk_errors(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        lock = cls(descriptor)
        try:
            lock._take(path, what)
        except BaseException:
            lock._close()
            raise
        return lock

    def release(self) -> None:
        """Give the lock back; the file stays, empty, since deleting it would let two processes hold two files."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _take(self, path: Path, what: str) -> None:
        descriptor = self._descriptor
        assert descriptor is not None
        with disk_errors(path):
            locked = _locked(descriptor)
            if locked is None:
                self._marker = _marked(path.parent)
                locked = self._marker is not None
        owner = _owner(descriptor)
        if _other_host(owner):
            files = " and ".join(str(file) for file in (path, path.with_name(MARKER)) if file.exists())
            raise RunError(
                f"{path.parent}: process {owner.get('pid', '?')} on host {owner['host']} is writing this {what}; "
                f"if that process is gone, delete {files}"
            )
        if not locked:
            raise RunError(f"{path.parent}: process {owner.get('pid', '?')} is writing this {what}; wait or stop it")
        with disk_errors(path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "host": platform.node()}).encode(), 0)

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        if self._marker is not None:
            self._marker.release()
            self._marker = None


def require_free(directory: Path) -> None:
    """Refuse a directory that a living process writes.

    Raises:
        RunError: another process writes this run; the sentence names it.
    """
    if is_held(directory):
        Lock.acquire(directory).release()


def is_held(directory: Path) -> bool:
    """Return True if a living process writes this run now."""
    try:
        descriptor = os.open(directory / NAME, os.O_RDONLY)
    except OSError:
        return False
    try:
        # A shared one: those who only look do not see each other, and network file systems give it to a reader.
        locked = _locked(descriptor, fcntl.LOCK_SH, attempts=1)
        if locked is None:
            return _is_marked(directory)
        return not locked or _other_host(_owner(descriptor))
    except OSError:
        return True
    finally:
        os.close(descriptor)


def _locked(descriptor: int, how: int = fcntl.LOCK_EX, attempts: int = 5) -> bool | None:
    """Return whether the system's lock was taken; None where the file system has no locks.

    Raises:
        OSError: the disk fails.
    """
    # More than once: `is_held`, in another process, has the lock for a moment while it looks.
    for attempt in range(attempts):
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return None
            if error.errno not in _HELD:
                raise
            time.sleep(0.02 if attempt < attempts - 1 else 0)
        else:
            return True
    return False


def _marked(directory: Path) -> SoftFileLock | None:
    """Return the marker, made; None where another process, which may live, has made it."""
    from filelock import SoftFileLock, Timeout

    marker = SoftFileLock(directory / MARKER, timeout=0, thread_local=False)
    try:
        marker.acquire()
    except Timeout:
        return None
    return marker


def _is_marked(directory: Path) -> bool:
    if not (directory / MARKER).exists():
        return False
    marker = _marked(directory)
    if marker is not None:  # it was a dead process's
        marker.release()
    return marker is None


def _other_host(owner: dict[str, Any]) -> bool:
    return bool(owner.get("host", platform.node()) != platform.node())


def _owner(descriptor: int) -> dict[str, Any]:
    """Read who wrote the file; empty for a released lock, or one that was torn while being written."""
    try:
        value = json.loads(os.pread(descriptor, 4096, 0))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
