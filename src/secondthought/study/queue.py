"""Pieces of a study, each in a process of its own, some at a time."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from secondthought.study.jobs import AnyPiece, Piece, State

POLL_SECONDS = 0.5


def work_off(
    ready: Callable[[], Sequence[AnyPiece]], *, jobs: int, deadline: float | None, tell: Callable[[str], None]
) -> Iterator[tuple[AnyPiece, State]]:
    """Run pieces, `jobs` at a time; yields each with how it ended.

    Args:
        ready: gives the pieces that can begin now, each once. It is asked again whenever some may have ended, so
            nothing waits for the last piece of an arm.
        jobs: how many run at once.
        deadline: on the monotonic clock; no piece begins after it.
        tell: hears what begins and ends.
    """
    waiting, running = list[AnyPiece](), dict[str, tuple[AnyPiece, subprocess.Popen[bytes]]]()
    try:
        while True:
            waiting = sorted([*waiting, *ready()], key=_first_seeds_first)
            late = deadline is not None and time.monotonic() > deadline
            while waiting and len(running) < jobs and not late:
                piece = waiting.pop(0)
                tell(f"{piece.name}: begins")
                running[piece.name] = (piece, _start(piece))
            if not running:
                return
            time.sleep(POLL_SECONDS)
            for name, (piece, process) in list(running.items()):
                if process.poll() is not None:
                    del running[name]
                    done: State = "finished" if process.returncode == 0 else "failed"
                    tell(f"{name}: {done}" + ("" if done == "finished" else f", see {_log(piece)}"))
                    yield piece, done
    finally:
        for _, process in running.values():
            process.terminate()
            process.wait()


def _first_seeds_first(piece: AnyPiece) -> tuple[int, bool]:
    """What is stopped early then has one seed of every arm, not all seeds of some."""
    return (-1 if piece.seed is None else piece.seed, isinstance(piece, Piece))


def _start(piece: AnyPiece) -> subprocess.Popen[bytes]:
    """A process of its own: pieces share no memory, and one that dies takes no other with it."""
    directory = piece.directory
    directory.parent.mkdir(parents=True, exist_ok=True)
    file = directory.parent / f"{directory.name}.json"
    file.write_text(json.dumps(piece.job()), encoding="utf-8")
    command = [sys.executable, "-m", "secondthought.study.worker", str(file)]
    with _log(piece).open("ab") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _log(piece: AnyPiece) -> Path:
    return piece.directory.parent / f"{piece.directory.name}.log"
