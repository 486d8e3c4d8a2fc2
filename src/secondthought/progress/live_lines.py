"""Live lines stand at the bottom of a terminal and are drawn anew in place; each is cut to the terminal's width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

BETWEEN = "  "
_LEAST_NAME = 8
"""Columns that a name keeps on the narrowest terminal."""


class LiveLines:
    """A `LiveLines` draws a headline, and below it the stage that is under way.

    No thread redraws it, and only what is written through `note` stands above: stdout may be data, and on stderr others
    draw too (bars of downloads), which a redirection would swallow.
    """

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False, emoji=False, markup=False)
        self._live = Live(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._live.start()

    @staticmethod
    def possible(stream: TextIO) -> bool:
        """Return True if lines can be drawn anew there: not in a pipe, whatever FORCE_COLOR says."""
        return stream.isatty() and Console(file=stream).is_interactive

    def draw(self, headline: Sequence[str], names: Sequence[str], numbers: Sequence[str]) -> None:
        """Draw the headline's parts, and the names of stages, from the outermost, with the numbers of the innermost."""
        width = self._console.width
        lines = [fitted_headline(headline, width)] if headline else []
        lines += [fitted_stage(names, numbers, width)] if names else []
        self._live.update(_group(lines), refresh=True)

    def note(self, text: str) -> None:
        """Write a line that stays, above."""
        self._console.print(Text(text))

    def close(self, headline: Sequence[str]) -> None:
        """Leave the headline, and nothing else."""
        lines = [fitted_headline(headline, self._console.width)] if headline else []
        self._live.transient = not lines
        self._live.update(_group(lines))
        self._live.stop()


def fitted_headline(parts: Sequence[str], width: int) -> str:
    """Return the parts in a line; where they do not fit, those in the middle are left out, the last of them first.

    >>> fitted_headline(["step 1/9", "reward .5", "kl .1", "7s left"], 30)
    'step 1/9  reward .5  7s left'
    """
    first, *middle, last = parts if len(parts) > 1 else (*parts, "")
    while middle and cell_len(BETWEEN.join((first, *middle, last))) > width:
        middle.pop()
    return BETWEEN.join(part for part in (first, *middle, last) if part)


def fitted_stage(names: Sequence[str], numbers: Sequence[str], width: int) -> str:
    """Return names and numbers in a line; where they do not fit, of the names only the inner ones, cut if need be.

    >>> fitted_stage(["evaluation (1 of 3)", "problems"], ["5/10", "7s left"], 24)
    'problems  5/10  7s left'
    """
    tail = BETWEEN + BETWEEN.join(numbers)
    while len(names) > 1 and cell_len(": ".join(names) + tail) > width:
        names = names[1:]
    return _cut(": ".join(names), max(_LEAST_NAME, width - cell_len(tail))) + tail


def _cut(text: str, width: int) -> str:
    """Cut the middle out of a text that is too wide: names begin and end with what tells them apart."""
    if cell_len(text) <= width:
        return text
    half = (width - 3) // 2
    return f"{text[:half]}...{text[len(text) - half :]}"


def _group(lines: Sequence[str]) -> Group:
    return Group(*(Text(line, no_wrap=True, overflow="ellipsis") for line in lines))
