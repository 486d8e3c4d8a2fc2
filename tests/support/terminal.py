"""A terminal of any width, and a clock that is set by hand."""

import io


class Terminal(io.StringIO):
    """A `Terminal` keeps what is written to it and says that somebody reads along."""

    def isatty(self):
        return True


class Clock:
    """A `Clock` shows the time that a test gives it."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now
