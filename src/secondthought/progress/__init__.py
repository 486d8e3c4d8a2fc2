"""Progress is told by long work to whoever looks on, stage by stage; by default nobody does.

Functions that may take long have an `Onlooker` as an argument, or as a field of what plays (`rollout.player`). The
command line passes one that draws (`progress.display`); a call from Python stays silent unless it passes its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Literal, Protocol, TypeAlias, TypeVar

T = TypeVar("T")

Unit: TypeAlias = Literal["items", "bytes"]
"""What a stage counts. Items are shown as a number of a number, bytes as a percentage alone."""


class Stage(Protocol):
    """A `Stage` is work under way."""

    def advance(self, count: float = 1) -> None:
        """Count so much more as done."""
        ...

    def beat(self) -> None:
        """Say that work goes on though nothing more is done yet."""
        ...


class Onlooker(Protocol):
    """An `Onlooker` is told of each stage of long work: what it is, how much there is, how much is done."""

    def stage(self, what: str, total: float | None = None, unit: Unit = "items") -> AbstractContextManager[Stage]:
        """Open a stage, within those that are open; `total` is None where nobody knows how much there is."""
        ...


class _Silence:
    """A `_Silence` is an onlooker that is not there, and all of its stages."""

    @contextmanager
    def stage(self, what: str, total: float | None = None, unit: Unit = "items") -> Iterator[Stage]:
        yield self

    def advance(self, count: float = 1) -> None:
        return

    def beat(self) -> None:
        return


SILENT = _Silence()
"""Nobody looks on."""


def each(items: Iterable[T], what: str, onlooker: Onlooker, total: float | None = None) -> Iterator[T]:
    """Yield items in a stage of their own; each is done when the next one is asked for.

    >>> list(each("ab", "letters", SILENT, 2))
    ['a', 'b']
    """
    with onlooker.stage(what, total) as stage:
        for item in items:
            yield item
            stage.advance()
