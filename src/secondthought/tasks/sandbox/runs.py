"""Running a model's code: a process for each run, an empty folder, limits, and the end of it in any case."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secondthought.tasks.bounded.replies import read_line

CHILD = Path(__file__).with_name("child.py")
MODULES = """
    abc array base64 bisect calendar cmath collections collections.abc contextlib copy csv dataclasses datetime decimal
    difflib enum fractions functools hashlib heapq html io ipaddress itertools json keyword math numbers operator pprint
    queue random re secrets statistics string struct textwrap time typing unicodedata uuid zlib
"""
"""Modules that code may import. They are there before it runs: afterwards no file can be opened, theirs neither."""
START_S = 30.0
"""Longest by the clock until the process is ready."""
WALL_S, WALL_TIMES = 2.0, 5.0
"""A run may take so many seconds by the clock, and so many times its processor time: what waits takes the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A `Program` is code, and what is done with it when it has run: calls of a function, or tests."""

    code: str
    function: str = ""
    cases: Sequence[Mapping[str, Any]] = ()
    """`{"args": [...], "kwargs": {...}}` of each call."""
    tests: Sequence[str] = ()
    """Statements that fail by raising."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A `Ran` is what came of a program: a result for each case and test, or why there are none."""

    results: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    """`{"value": ...}` or `{"raised": "..."}`."""
    failed: str = ""
    """Why the program itself did not come to its end."""
    refused: str = ""
    """Why nothing was run: this machine cannot shut code in."""


def run(program: Program, *, seconds: float, memory: int) -> Ran:
    """Run a program.

    Args:
        program: what is run.
        seconds: processor time at most; by the clock five times as much and some for the start.
        memory: address space of the process in bytes at most.
    """
    text = json.dumps(
        {"program": program.code, "function": program.function, "cases": program.cases, "tests": program.tests}
    )
    command = [sys.executable, "-I", "-B", str(CHILD), str(seconds), str(memory), ",".join(MODULES.split())]
    with tempfile.TemporaryDirectory(prefix="secondthought-") as folder:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={"LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
        try:
            reply = _answer(process, text.encode() + b"\n", WALL_S + WALL_TIMES * seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    pipe and pipe.close()
    return _read(reply, len(program.cases) + len(program.tests))


def _answer(process: subprocess.Popen[bytes], text: bytes, wall_s: float) -> bytes:
    """Return the process's reply, or as much of it as came in time."""
    assert process.stdin is not None
    ready = read_line(process, START_S)
    if ready != b"{}\n":
        return ready
    with contextlib.suppress(OSError):
        process.stdin.write(text)
        process.stdin.close()
    return read_line(process, wall_s)


def _read(reply: bytes, count: int) -> Ran:
    """Read a reply. Whoever wrote it may have been the code: of a wrong form it is no reply."""
    try:
        found = json.loads(reply.partition(b"\n")[0]) if b"\n" in reply else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return Ran(failed="took too long or too much memory, or ended its process")
    if isinstance(found.get("refused"), str):
        return Ran(refused=found["refused"])
    results = found.get("results")
    if not isinstance(results, list) or len(results) != count or not all(isinstance(item, dict) for item in results):
        return Ran(failed=str(found.get("failed", "wrote a reply of its own"))[:200])
    return Ran(results=results)
