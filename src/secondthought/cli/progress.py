"""Commands that may take long show how far they are on stderr, all alike, unless they are to be quiet."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from secondthought.cli.errors import rank
from secondthought.config import Config
from secondthought.progress.display import Display


class ProgressFlags(Config):
    """Flags of every command that may take long."""

    quiet: bool = False
    """No progress on stderr; warnings are still said."""


@contextmanager
def progress(given: ProgressFlags, *, writes_lines: bool = False) -> Iterator[Display]:
    """Open the display of a command; of several processes the first one alone draws.

    Close it before results are written: where stdout is the same terminal, they would stand among its lines. A command
    that writes lines all the while (`writes_lines`) draws nothing there: the lines show how far it is.
    """
    logger = logging.getLogger("secondthought")
    before = logger.level
    if given.quiet and logger.isEnabledFor(logging.INFO) and not logger.isEnabledFor(logging.DEBUG):
        logger.setLevel(logging.WARNING)
    try:
        hidden = given.quiet or rank() > 0 or (writes_lines and sys.stdout.isatty())
        with Display(quiet=hidden) as display:
            yield display
    finally:
        logger.setLevel(before)
