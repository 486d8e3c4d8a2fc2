"""Input is read from a file, or from stdin where its name is -."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from secondthought.disk import why_unread
from secondthought.errors import ConfigError
from secondthought.progress import Stage
from secondthought.progress.display import say


@contextmanager
def opened(file: str) -> Iterator[BinaryIO]:
    """Open a file for reading, or stdin for -.

    Raises:
        ConfigError: there is no such file, or it cannot be read.
    """
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = open(file, "rb")  # noqa: SIM115 - closed below; errors while reading are not errors of opening
    except FileNotFoundError as error:
        raise ConfigError(f"{why_unread(file, error, absent='no such file')}; give a path, or - for stdin") from None
    except OSError as error:
        raise ConfigError(why_unread(file, error)) from None
    with stream:
        yield stream


def counted(stream: BinaryIO, stage: Stage) -> Iterator[bytes]:
    """Yield the lines of a stream, and tell a stage of their bytes."""
    for line in stream:
        yield line
        stage.advance(len(line))


def size_of(file: str) -> float | None:
    """Return the bytes that a stage will be told of; None where nobody knows, as of stdin."""
    try:
        return os.path.getsize(file) if os.path.isfile(file) else None
    except OSError:
        return None


def say_where_from(file: str) -> None:
    """Say that the rows are read from the keyboard, where a command would seem to hang."""
    if file == "-" and sys.stdin.isatty():
        say("reading JSON lines from the keyboard; end them with Ctrl-D, or name a file")


def name_of(file: str) -> str:
    """Return a file's name as sentences say it.

    >>> name_of("-"), name_of("rows.jsonl")
    ('stdin', 'rows.jsonl')
    """
    return "stdin" if file == "-" else file
