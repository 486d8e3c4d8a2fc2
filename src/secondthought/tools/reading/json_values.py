"""JSON that a model wrote, read strictly: one meaning for every reader, and a bounded depth.

An object that gives a name twice, `NaN`, infinities and numbers that become infinities are broken JSON: readers differ
on them, and the calls that they agree on are the ones that run.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from secondthought.tools.reading.broken import MAX_DEPTH, TOO_DEEP, BrokenCallError, finite, is_deeper, unique

BROKEN = "the JSON is broken"


def value_of(text: str) -> Any:
    """Return the JSON value that a text is.

    Raises:
        BrokenCallError: it is none.
    """
    start = len(text) - len(text.lstrip(_BLANKS))
    value, end = value_at(text, start)
    if text[end:].strip(_BLANKS):
        raise BrokenCallError(BROKEN)
    return value


def value_at(text: str, place: int) -> tuple[Any, int]:
    """Return the JSON value that begins at a place, and where it ends.

    Raises:
        BrokenCallError: none begins there, or it is nested too deeply.
    """
    try:
        value, end = _DECODER.raw_decode(text, place)
    except ValueError:
        raise BrokenCallError(BROKEN) from None
    except RecursionError:
        raise BrokenCallError(TOO_DEEP) from None
    may_be_deep = text.count("[", place, end) + text.count("{", place, end) > MAX_DEPTH
    if may_be_deep and is_deeper(value, MAX_DEPTH):
        raise BrokenCallError(TOO_DEEP)
    return value, end


def _constant(name: str) -> NoReturn:
    raise BrokenCallError(f"{name} is no JSON")


def _float(digits: str) -> float:
    return finite(float(digits))


_BLANKS = " \t\r\n"
_DECODER = json.JSONDecoder(object_pairs_hook=unique, parse_float=_float, parse_constant=_constant)
