"""Errors become one sentence on stderr and an exit code here; logging is set up here and nowhere else."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from secondthought.cli.command_table import COMMANDS, find
from secondthought.disk import why_refused
from secondthought.errors import SecondthoughtError
from secondthought.progress.display import say

INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""
TERMINATED = 143
"""128 + SIGTERM: what `kill`, `timeout` and schedulers send first."""
BROKEN_PIPE = 141
"""128 + SIGPIPE."""


def guarded(command: Callable[[], int | None], words: Sequence[str], *, debug: bool) -> int | None:
    """Run a command, turn what it raises into a sentence, and return the exit code.

    Args:
        command: what to run.
        words: the words of the command line, for the advice after Ctrl-C.
        debug: show tracebacks and the library's debug log.
    """
    _write_utf8(sys.stdout)
    if not sys.stderr.isatty():
        # transformers draws bars while it loads weights; in a log file they are one line of noise per model.
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    with _logging(debug), _terminable():
        try:
            code = command()
            sys.stdout.flush()
            return code
        except BrokenPipeError:
            _silence_stdout()
            return BROKEN_PIPE
        except _Terminated:
            return _fail(f"terminated{advice_after_stop(words)}", TERMINATED, debug)
        except KeyboardInterrupt:
            return _fail(f"interrupted{advice_after_stop(words)}", INTERRUPTED, debug)
        except SecondthoughtError as error:
            return _fail(_one_line(str(error)), error.exit_code, debug)
        except OSError as error:
            return _fail(why_refused(error), 1, debug)
        except Exception as error:
            advice = "" if debug else "; run again with --debug for the traceback"
            return _fail(f"unexpected error {type(error).__name__}: {_one_line(str(error))}{advice}", 1, debug)


class _Terminated(KeyboardInterrupt):
    """A `_Terminated` says that SIGTERM came: to whatever runs it is what Ctrl-C is."""


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM unwind what runs, as Ctrl-C does: a study ends its jobs, files are left whole.

    Not under torchrun, which ends a process that hangs in a collective by it, and not outside the main thread.
    """
    if "WORLD_SIZE" in os.environ or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise _Terminated


def warn(sentence: str) -> None:
    """Say something on stderr that does not end the command."""
    say(f"secondthought: {f'rank {rank()}: ' if rank() else ''}{sentence}")


def rank() -> int:
    """Return this process's number among those of torchrun; 0 without torchrun, and for the one that speaks."""
    number = os.environ.get("RANK", "0")
    return int(number) if number.isdecimal() and os.environ.get("WORLD_SIZE", "1") != "1" else 0


def _fail(sentence: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    warn(sentence)
    return code


def advice_after_stop(words: Sequence[str]) -> str:
    """Return how to go on with a command that was stopped, to be added to a sentence; empty where there is no way."""
    try:
        name, _ = find(words)
    except SecondthoughtError:
        return ""
    after = COMMANDS[name].after_stop if name else ""
    return f"; {after}" if after else ""


def _one_line(text: str) -> str:
    return " ".join(text.split()) or "no message"


def _write_utf8(stream: object) -> None:
    # A model's text may hold what the locale, or UTF-8 (lone surrogates), cannot say: JSON reads the escapes back.
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _silence_stdout() -> None:
    # Python flushes stdout once more at exit; without this it would complain there.
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return


class _LogHandler(logging.Handler):
    """A `_LogHandler` writes to stderr, above what a display draws there."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            say(self.format(record))
        except Exception:
            self.handleError(record)


@contextmanager
def _logging(debug: bool) -> Iterator[None]:
    handler = _LogHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s" if debug else "%(message)s"))
    logger = logging.getLogger("secondthought")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if debug else logging.ERROR if rank() else logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
