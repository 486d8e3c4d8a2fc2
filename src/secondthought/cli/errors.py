"""Errors become one sentence on stderr and an exit code here; logging is set up here and nowhere else."""

from __future__ import annotations

import io
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from secondthought.cli.command_table import COMMANDS, find
from secondthought.disk import why_refused
from secondthought.errors import SecondthoughtError
from secondthought.interrupts import Terminated, terminable
from secondthought.progress.display import say

INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""
TERMINATED = 143
"""128 + SIGTERM: what `kill`, `timeout` and schedulers send first."""
BROKEN_PIPE = 141
"""128 + SIGPIPE."""
_SHOWN = 160
"""Characters of a library's report on memory that are shown."""
_LESS_MEMORY = (
    "`secondthought plan` says what takes how much; lower train.micro_batch_tokens or the groups of a step, train an"
    " adapter (model.lora.rank), or take a smaller model"
)


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
    with _logging(debug), terminable():
        try:
            code = command()
            sys.stdout.flush()
            return code
        except BrokenPipeError:
            _silence_stdout()
            return BROKEN_PIPE
        except Terminated as stop:
            return _fail(f"terminated{_advice(stop, words)}", TERMINATED, debug)
        except KeyboardInterrupt as stop:
            return _fail(f"interrupted{_advice(stop, words)}", INTERRUPTED, debug)
        except SecondthoughtError as error:
            return _fail(_one_line(str(error)), error.exit_code, debug)
        except OSError as error:
            return _fail(why_refused(error), 1, debug)
        except Exception as error:
            if _is_out_of_memory(error):
                return _fail(f"out of memory ({_one_line(str(error))[:_SHOWN]}); {_LESS_MEMORY}", 1, debug)
            advice = "" if debug else "; run again with --debug for the traceback"
            return _fail(f"unexpected error {type(error).__name__}: {_one_line(str(error))}{advice}", 1, debug)


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether memory ran out, told by the error's name and words: torch may not be loaded."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and (type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error))
    )


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


def _advice(stop: KeyboardInterrupt, words: Sequence[str]) -> str:
    """Return how to go on: what was stopped knows best and notes it on the way, else the command says it."""
    noted = getattr(stop, "__notes__", ())
    return f"; {noted[0]}" if noted else advice_after_stop(words)


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
