"""Ctrl-C and SIGTERM unwind what runs; what must not be cut in two holds them back for a moment.

Both arrive as a `KeyboardInterrupt` in the main thread. Under torchrun a process dies of SIGTERM as ever: it may hang
in a collective that nobody joins any more.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Terminated(KeyboardInterrupt):
    """A `Terminated` says that SIGTERM came: to whatever runs it is what Ctrl-C is."""


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM unwind what runs in the block, as Ctrl-C does: jobs are ended, files are left whole.

    Not under torchrun, and not outside the main thread, where no signal arrives.
    """
    if "WORLD_SIZE" in os.environ or not _in_main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def held_back() -> Iterator[None]:
    """Keep Ctrl-C and SIGTERM waiting until the block has ended. A second Ctrl-C does not wait.

    What a signal would have done, it does at the end of the block; where it would have ended the process without a
    word (no handler is set), it does so at once, as ever.
    """
    if not _in_main_thread():
        yield
        return
    held = _Held()
    try:
        yield
    finally:
        held.restore()
    held.deliver()


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


class _Held:
    """Handlers that were set aside, and the signal that came meanwhile."""

    def __init__(self) -> None:
        self._came: int | None = None
        self._before: dict[int, Any] = {}
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if callable(handler):
                self._before[number] = handler
                signal.signal(number, self._note)

    def restore(self) -> None:
        """Set the handlers again that were there before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def deliver(self) -> None:
        """Do now what the signal would have done when it came."""
        if self._came is not None:
            self._before[self._came](self._came, None)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._came == number == signal.SIGINT:
            self._before[number](number, frame)
        self._came = self._came or number
