"""Calculations in words: "multiply 8 by 4 to get 32", "taking 25 from 30 leaves 5", "the sum of 3 and 4 is 7"."""

from __future__ import annotations

import re
from typing import TypeAlias

from secondthought.tasks.expressions import MAX_DIGITS, Operator

Spoken: TypeAlias = tuple[int, int, tuple[int, int], Operator, int | None]
"""Start, end, the two operands, the operator, the stated result."""

_SIGN: dict[str, Operator] = {
    "add": "+",
    "sum": "+",
    "mul": "*",
    "pro": "*",
    "sub": "-",
    "tak": "-",
    "dif": "-",
    "div": "/",
}
_LINKS = {
    "add": ("and", "to", "with"),
    "sum": ("and", "with"),
    "mul": ("and", "by", "with"),
    "pro": ("and", "with"),
    "sub": ("from",),
    "tak": ("from", "off"),
    "dif": ("and",),
    "div": ("by",),
}
_SPOKEN = re.compile(
    rf"""\b(?P<verb>add(?:ing)?|sum\ of|multiply(?:ing)?|product\ of|subtract(?:ing)?|tak(?:e|ing)
      |difference\ (?:of|between)
    |divid(?:e|ing))\ (?:the\ )?(?P<left>\d{{1,{MAX_DIGITS}}}+)\ (?P<link>and|to|by|with|from|off)\ (?:the\ )?
    (?P<right>\d{{1,{MAX_DIGITS}}}+)(?![\d.]*\ *[-+*/])
    (?:[,;]?\ (?:(?:and|which|that|this|to|we|I|you|would|it)\ ){{0,3}}(?:is|gives?|giving|gets?|getting|makes?|making
    |leaves?|leaving|yields?|equals?|for)\ (?:(?:us|me|you|a|exactly)\ )*(?P<result>\d{{1,{MAX_DIGITS}}}+)(?![.]?\d))?
    """,
    re.VERBOSE | re.IGNORECASE,
)


def spoken(text: str) -> list[Spoken]:
    """All of them, in order.

    >>> spoken("Subtracting 25 from 30 leaves 5.")
    [(0, 31, (30, 25), '-', 5)]
    """
    found: list[Spoken] = []
    for match in _SPOKEN.finditer(text):
        if match["link"].lower() not in _LINKS[match["verb"][:3].lower()]:
            continue
        left, right = int(match["left"]), int(match["right"])
        if match["link"].lower() in ("from", "off"):
            left, right = right, left
        result = int(match["result"]) if match["result"] else None
        found.append((match.start(), match.end(), (left, right), _SIGN[match["verb"][:3].lower()], result))
    return found
