"""The error of a call that a text begins and that cannot be read, and what makes any call one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from secondthought.errors import SecondthoughtError

MAX_CALLS = 64
"""A completion that makes more calls is malformed: no request needs them."""
MAX_DEPTH = 32
"""A value of lists or objects further inside of each other is malformed."""
TOO_DEEP = "a value is nested too deeply"
_T = TypeVar("_T")


class BrokenCallError(SecondthoughtError):
    """A `BrokenCallError` says in a few words why a call cannot be read."""


def unique(pairs: Sequence[tuple[str, _T]]) -> dict[str, _T]:
    """Return pairs as an object.

    Raises:
        BrokenCallError: a name is given twice; readers differ on which of its values counts.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        raise BrokenCallError("a name is given twice in one object or call")
    return found


def finite(number: float) -> float:
    """Return a number.

    Raises:
        BrokenCallError: it became an infinity, which JSON has no way to write.
    """
    if number - number != 0:
        raise BrokenCallError("a number is too large")
    return number


def is_deeper(value: Any, limit: int) -> bool:
    """Tell whether a value's lists and objects stand further inside of each other than a limit says."""
    level = [value]
    for _ in range(limit + 1):
        nested = [item for item in level if isinstance(item, (list, dict))]
        if not nested:
            return False
        level = [inner for item in nested for inner in (item.values() if isinstance(item, dict) else item)]
    return True
