r"""The step from text to runs of arithmetic tokens: numbers, operators, brackets, and what stands for an equals sign.

A run ends where something else stands between two tokens. Signs come as ASCII, Unicode, LaTeX (`\times`) or words
("times", "divided by"); relations as `=`, arrows or words ("gives", "which is"). Linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Literal, NamedTuple, TypeAlias

from secondthought.tasks.countdown.reading.records import Value
from secondthought.tasks.expressions import MAX_DIGITS

TokenKind: TypeAlias = Literal["number", "operator", "open", "close", "relation"]

_SIGNS = {
    "\u00d7": "*",
    "\u22c5": "*",
    "\u00b7": "*",
    "\u2217": "*",
    "\\times": "*",
    "\\cdot": "*",
    "times": "*",
    "multiplied by": "*",
    "x": "*",
    "X": "*",
    "\u00f7": "/",
    "\\div": "/",
    "divided by": "/",
    "\u2212": "-",
    "\u2013": "-",
    "minus": "-",
    "plus": "+",
}
_TOKEN = re.compile(
    r"""
    (?P<number>\d++(?:[.,]\d++)*+)
    |(?P<junk>\*\*++|--++(?!>)|//++|[!<>/]=|\\neq?\b)
    |(?P<relation>=++>?|->|\u2192|\u21d2|\u2248|\\(?:approx|to|rightarrow|Rightarrow)\b
      |\b(?:(?:is|are|equals?|equal\ to|gives?|giving|gave|makes?|making|yields?|leaves?|leaving|gets?|getting|becomes?
      |totals?|results?\ in|comes?\ to|produces?|to\ get|to\ make|for\ a\ total\ of)\b
      (?:\ (?:us|me|you|a|exactly|equal\ to))*+))
    |(?P<operator>[-+*/\u00d7\u00f7\u2212\u2013\u22c5\u00b7\u2217]|\\(?:times|cdot|div)\b
      |\b(?:plus|minus|times|multiplied\ by|divided\ by)\b|(?<=[\d)\s])[xX](?=[\s(\d]))
    |(?P<open>\()|(?P<close>\))
    """,
    re.VERBOSE,
)
_NEVER_FIRST = frozenset({"relation", "close", "junk"})
_SKIPPED = " \t\r$&{}\\,"
_BEFORE_WORDS = frozenset(
    f"{first}{second}".strip()
    for first in ("", "and ", "so ", "which ", "that ")
    for second in ("", "and", "this", "that", "it", "we", "i", "you", "will", "would", "to", ".", ";", "that's", "it's")
)
"""Words that may stand between an expression and a word that gives its result."""


class Token(NamedTuple):
    """A `Token` has a `value` if it is a number, and its ASCII `sign` if it is an operator."""

    kind: TokenKind
    start: int
    end: int
    value: Value = 0
    sign: str = ""


def runs(text: str) -> Iterator[list[Token]]:
    """Yield maximal runs of tokens with nothing but blanks (and LaTeX's decoration) between them, at least 3 long.

    >>> [[token.sign or token.value for token in run] for run in runs("From 9: 3 x 4, then 7 plus 5.")]
    [[3, '*', 4], [7, '+', 5]]
    """
    run: list[Token] = []
    end = 0
    for match in _TOKEN.finditer(text):
        if not run and match.lastgroup in _NEVER_FIRST:
            continue
        token = _token(text, match)
        if run and (token is None or not _joined(text[end : token.start], token)):
            if len(run) > 2:
                yield run
            run = []
        if token is not None:
            run.append(token)
            end = token.end
    if len(run) > 2:
        yield run


def _token(text: str, match: re.Match[str]) -> Token | None:
    kind, start, end = match.lastgroup, match.start(), match.end()
    if kind == "number":
        return _number(text, start, end)
    if kind == "operator":
        written = match.group()
        return Token("operator", start, end, sign=_SIGNS.get(written, written))
    if kind in ("open", "close", "relation"):
        return Token(kind, start, end, sign=match.group())  # type: ignore[arg-type]
    return None


def _number(text: str, start: int, end: int) -> Token | None:
    """Read a number that is no part of a word, with thousands and decimals; sentence marks were never taken."""
    if end - start > MAX_DIGITS + 3 or _in_word(text, start, end):
        return None
    written = text[start:end]
    if written.isdigit() and written.isascii():
        return Token("number", start, end, int(written)) if len(written) <= MAX_DIGITS else None
    if re.fullmatch(r"[0-9]{1,3}(,[0-9]{3})+", written):
        return Token("number", start, end, int(written.replace(",", "")))
    if re.fullmatch(r"[0-9]+\.[0-9]+", written):
        return Token("number", start, end, whole(Fraction(written)))
    return None


def whole(value: Value) -> Value:
    """Return the same number, as `int` where it is one."""
    return value.numerator if value.denominator == 1 else value


def _in_word(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    return (before.isalpha() and before not in "xX") or (after.isalpha() and after not in "xX") or before == "_"


def _joined(gap: str, token: Token) -> bool:
    if gap in ("", " "):
        return True
    rest = gap.strip(_SKIPPED)
    if not rest:
        return "," not in gap or (token.kind == "relation" and token.sign[0].isalpha())
    if token.kind != "relation":
        return False
    if rest == "\n":
        return token.sign[0] == "="
    return token.sign[0].isalpha() and len(rest) < 16 and rest.lower().lstrip(". ") in _BEFORE_WORDS
