"""What another process answers: a line, as far as it comes in time."""

from __future__ import annotations

import os
import selectors
import subprocess
import time

MAX_REPLY = 2**20
"""Longest reply in bytes; a longer one is not waited for to its end."""


def read_line(process: subprocess.Popen[bytes], wall_s: float) -> bytes:
    """Return what a process writes until its line ends, it ends, it has written too much, or time is over."""
    assert process.stdout is not None
    end, read = time.monotonic() + wall_s, b""
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ)
        while b"\n" not in read and len(read) <= MAX_REPLY:
            left = end - time.monotonic()
            if left <= 0 or not waiting.select(left):
                break
            part = os.read(process.stdout.fileno(), 65536)
            if not part:
                break
            read += part
    return read
