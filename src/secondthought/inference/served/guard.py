"""Runs a program until whoever asked for it is gone, then ends it with all that it started.

    python guard.py PROGRAM ARGUMENT...

Standard input is a pipe that the one who asked holds open: it ends with that process, however it ends, also where
nothing could be done any more (`kill -9`). A server that outlived its run would hold a GPU for nobody.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

_PATIENCE_S = 10.0
"""How long a program may take to end by itself."""


def main(words: list[str]) -> int:
    """Run the program; return its exit status, as a shell does: 128 and the number of the signal that ended it."""
    started: list[subprocess.Popen[bytes]] = []
    is_asked_to_end = threading.Event()

    def end(*_: object) -> None:
        is_asked_to_end.set()
        for one in started:  # in a thread: a handler that waits keeps `wait` below from seeing that the program is gone
            threading.Thread(target=_end, args=(one,), daemon=True).start()

    signal.signal(signal.SIGTERM, end)  # first: a signal while the program starts would leave it alone in the world
    program = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)
    started.append(program)
    if is_asked_to_end.is_set():
        _end(program)
    threading.Thread(target=_end_with_us, args=(program,), daemon=True).start()
    status = program.wait()
    _signal(program, signal.SIGKILL)  # what it left behind
    return status if status >= 0 else 128 - status


def _end_with_us(program: subprocess.Popen[bytes]) -> None:
    """Wait until nobody holds the pipe any more, and end the program."""
    while os.read(0, 4096):  # not by sys.stdin, which this thread would hold while the interpreter ends
        pass
    _end(program)


def _end(program: subprocess.Popen[bytes]) -> None:
    """Ask the program to end, and end it where it does not."""
    _signal(program, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(_PATIENCE_S)
    _signal(program, signal.SIGKILL)


def _signal(program: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
