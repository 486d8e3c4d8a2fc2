"""JSON that a model wrote is read without trust: bounded in depth and digits, and never read in two ways.

An object that names a key twice, NaN and infinities are refused: readers differ on them. Line breaks inside of texts
are accepted, since nothing else can be meant.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from secondthought.text import whole_within

MAX_DEPTH = 64
"""Lists and objects inside of each other."""
MAX_DIGITS = 300
"""Digits of an integer, so that each is within the range of floating-point numbers."""
_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_BLANK = re.compile(r"[ \t\r\n]*+")
_BETWEEN = re.compile(r"[ \t\r\n;,]*+")


class Unreadable(ValueError):
    """`Unreadable` says in a sentence why a call that a text begins cannot be read."""


def value_at(text: str, at: int) -> tuple[Any, int]:
    """Return the JSON value that begins at a place of a text, and where it ends.

    >>> value_at('call {"a": [1]} now', 5)
    ({'a': [1]}, 15)

    Raises:
        Unreadable: there is none, it is too deep, or it could be read in two ways.
    """
    try:
        value, end = _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise Unreadable(
            f"the JSON of a call breaks off or is wrong: {error.msg} at character {error.pos + 1}"
        ) from None
    except RecursionError:
        raise _too_deep() from None
    _require_shallow(text, at, end)
    return (whole_within(value) if _HALF.search(text, at, end) else value), end


def value_of(text: str) -> Any:
    """Return the JSON value that is the whole of a text.

    Raises:
        Unreadable: it is not one value.
    """
    value, end = value_at(text, skip_blanks(text, 0))
    if skip_blanks(text, end) < len(text):
        raise Unreadable("something follows the JSON of a call")
    return value


def values_at(text: str, at: int) -> tuple[list[Any], int]:
    """Return one JSON object or list, or several in a row, and where the last one ends.

    Raises:
        Unreadable: there is none, or one cannot be read.
    """
    values: list[Any] = []
    end = skip_blanks(text, at)
    while not values or text[end : end + 1] in ("{", "["):
        if text[end : end + 1] not in ("{", "["):
            raise Unreadable("a call is begun, and no JSON object follows")
        value, ended = value_at(text, end)
        values.append(value)
        end = _BETWEEN.match(text, ended).end()  # type: ignore[union-attr]
    return values, skip_blanks(text, ended)


def skip_blanks(text: str, at: int) -> int:
    """Return the first place from `at` on that is not blank."""
    return _BLANK.match(text, at).end()  # type: ignore[union-attr]


def _require_shallow(text: str, start: int, end: int) -> None:
    depth = 0
    for found in _BRACKETS.finditer(text, start, end):
        depth += (found[0] in "[{") - (found[0] in "]}")
        if depth > MAX_DEPTH:
            raise _too_deep()


def _too_deep() -> Unreadable:
    return Unreadable(f"a call holds lists or objects more than {MAX_DEPTH} deep")


def _pairs(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Unreadable("a call names a key twice in one object")
    return found


def integer(digits: str) -> int:
    """Return an integer of a bounded number of digits."""
    if len(digits) > MAX_DIGITS:
        raise Unreadable(f"a call holds an integer of more than {MAX_DIGITS} digits")
    return int(digits)


def real(digits: str) -> float:
    """Return a finite floating-point number."""
    value = float(digits)
    if not math.isfinite(value):
        raise Unreadable("a call holds a number that is too large")
    return value


def _constant(name: str) -> NoReturn:
    raise Unreadable(f"a call holds {name}, which is no JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=integer, parse_float=real, parse_constant=_constant, strict=False
)
