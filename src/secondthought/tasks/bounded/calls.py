"""A function that is called in another process, with a limit of processor time and of memory for each call.

Nothing here uses signals or threads, so a task may be judged wherever Python runs. The process is kept between calls;
one that went over a limit is dead, and the next call begins another.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import weakref
from collections.abc import Sequence
from typing import Any

from secondthought.errors import TaskError
from secondthought.tasks.bounded.replies import read_line

START_S = 120.0
"""Longest that the imports of a function may take, by the clock."""
WALL_TIMES = 10.0
"""A call may take so many times its processor time by the clock, and two seconds: it may wait for a busy machine."""


class Exceeded(Exception):
    """A call that went over a limit, or ended its process; the text says which."""


class BoundedCalls:
    """Calls one function, by name, in a process of its own."""

    def __init__(
        self, target: str, *, seconds: float, memory: int = 2**31, made_with: Sequence[Any] | None = None
    ) -> None:
        """Prepare to call; the process begins with the first call.

        Args:
            target: `module:function`; it takes and returns JSON values.
            seconds: processor time of a call, at most.
            memory: address space of the process in bytes, imports included, at most.
            made_with: where the target makes the function that is called, what it makes it with. The process then gives
                up all system calls but those to compute and to read files, where the kernel lets it.
        """
        self.target, self.seconds, self.memory, self.made_with = target, seconds, memory, made_with
        self._child: _Child | None = None

    def __call__(self, *arguments: Any) -> Any:
        """Call the function.

        Raises:
            Exceeded: the call took too long or too much memory, or raised.
            TaskError: the process cannot be begun: a library that the function needs is missing.
        """
        if self._child is None or not self._child.is_ours:
            self._child = _Child(self.target, self.seconds, self.memory, self.made_with)
        reply = self._child.ask(arguments, 2.0 + WALL_TIMES * self.seconds)
        if reply is None:
            self._child.end()
            self._child = None
            raise Exceeded(f"took more than {self.seconds:g} s of processor time, or ended its process")
        if "raised" in reply:
            raise Exceeded(f"raised {reply['raised']}")
        return reply["value"]


class _Child:
    """The other process, from its first reply to its end."""

    def __init__(self, target: str, seconds: float, memory: int, made_with: Sequence[Any] | None) -> None:
        limits = [str(seconds), str(memory)]
        command = [sys.executable, "-m", "secondthought.tasks.bounded.child", target, *limits, json.dumps(made_with)]
        self._owner = os.getpid()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONHASHSEED": "0"},  # a library may go through a set: in every process in one order
            start_new_session=True,  # Ctrl-C in a terminal is for the process that the user sees
        )
        self._end = weakref.finalize(self, _kill, self._process, self._owner)
        ready = self._reply(START_S)
        if ready is None or "raised" in ready:
            self.end()
            raise TaskError(f"{target} cannot be called: {(ready or {}).get('raised', 'its process ended')}")

    @property
    def is_ours(self) -> bool:
        """Return False in a process that was forked: its pipes are shared with another."""
        return self._owner == os.getpid()

    def ask(self, arguments: Any, wall_s: float) -> dict[str, Any] | None:
        """Return the reply, or None if there is none in time."""
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(arguments).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            return None
        return self._reply(wall_s)

    def end(self) -> None:
        """Kill the process."""
        self._end()

    def _reply(self, wall_s: float) -> dict[str, Any] | None:
        read = read_line(self._process, wall_s)
        if not read.endswith(b"\n"):
            return None
        found: dict[str, Any] = json.loads(read)
        return found


def _kill(process: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() != owner:
        return
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
