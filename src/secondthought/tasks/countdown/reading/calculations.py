r"""The calculations that a text states: `8 * 4 = 32`, `(5 + 3) * 4 = 8 * 4 = 32`, "multiply 8 by 4 to get 32".

The grammar is the verifier's own parser (`tasks.expressions`), the arithmetic exact; nothing is executed. What is said
of the calculations is for `checks` to read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from secondthought.tasks import expressions
from secondthought.tasks.countdown.reading.records import Operation, Value
from secondthought.tasks.countdown.reading.tokens import Token, runs, whole
from secondthought.tasks.expressions import MAX_DIGITS, MalformedError, Operator

_MOST_OPERANDS = 64
"""A longer expression is no try at a Countdown problem; the limit bounds the size of values."""
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


class _Member(NamedTuple):
    """A `_Member` is one side of an equality: a lone number, or an expression."""

    start: int
    end: int
    operands: tuple[Value, ...]
    postfix: tuple[int | Operator, ...]
    value: Value | None


def operations(text: str) -> tuple[Operation, ...]:
    """Return all calculations in order of their start.

    >>> [(found.value, found.stated, found.holds) for found in operations("3+4=7, 7 x 5 = 36. Then 36 minus 6 is 30.")]
    [(7, 7, True), (35, 36, False), (30, 30, True)]
    """
    written = [found for run in runs(text) for chain in _chains(text, run) for found in _read(chain)]
    return tuple(sorted([*written, *_spoken(text)], key=lambda found: found.start))


def _spoken(text: str) -> Iterator[Operation]:
    """Yield the calculations in words: "taking 25 from 30 leaves 5", "the sum of 3 and 4 is 7"."""
    for match in _SPOKEN.finditer(text):
        verb, link = match["verb"][:3].lower(), match["link"].lower()
        if link not in _LINKS[verb]:
            continue
        left, right = int(match["left"]), int(match["right"])
        operands = (right, left) if link in ("from", "off") else (left, right)
        stated = int(match["result"]) if match["result"] else None
        yield _Draft(_member(match.start(), match.end(), operands, (0, 1, _SIGN[verb])), stated).operation()


def _chains(text: str, run: list[Token]) -> Iterator[list[_Member]]:
    """Yield the members of each chain of equalities in a run; a run falls apart where two operands meet."""
    chain: list[_Member] = []
    member: list[Token] = []
    depth = 0
    operand_next = True
    for token in run:
        if token.kind == "relation":
            chain += _members(text, member, first=not chain)
            member, depth, operand_next = [], 0, True
            continue
        if token.kind == "close":
            fits = depth > 0 and not operand_next
        elif token.kind == "operator":
            fits = not operand_next or (token.sign == "-" and (not member or member[-1].kind == "open"))
        else:
            fits = operand_next
        if not fits:
            yield chain + _members(text, member, first=not chain)
            chain, member, depth, operand_next = [], [], 0, True
            if token.kind in ("operator", "close"):
                continue
        depth += (token.kind == "open") - (token.kind == "close")
        operand_next = token.kind in ("open", "operator")
        member.append(token)
    yield chain + _members(text, member, first=not chain)


def _members(text: str, tokens: list[Token], first: bool) -> list[_Member]:
    """Read tokens as a member, without what cannot belong to it: open ends, brackets that nothing closes, bullets."""
    tokens = _closed(tokens)
    while tokens and tokens[-1].kind in ("operator", "open"):
        tokens = tokens[:-1]
    if not tokens:
        return []
    if tokens[0].sign == "-" and first and text[tokens[0].end : tokens[1].start].isspace():
        tokens = tokens[1:]
    return [made] if (made := _expression(tokens)) else []


def _closed(tokens: list[Token]) -> list[Token]:
    """Return the tokens after the last bracket that is never closed."""
    opened = []
    for place, token in enumerate(tokens):
        if token.kind == "open":
            opened.append(place)
        elif token.kind == "close":
            opened.pop()
    return tokens[opened[-1] + 1 :] if opened else tokens


def _expression(tokens: Sequence[Token]) -> _Member | None:
    operands: list[Value] = []
    shape = ""
    negative = False
    for place, token in enumerate(tokens):
        if token.kind == "number":
            shape += str(len(operands))
            operands.append(-token.value if negative else token.value)
            negative = False
        elif token.sign == "-" and (place == 0 or tokens[place - 1].kind == "open"):
            negative = True
        else:
            shape += token.sign
    if len(operands) > _MOST_OPERANDS or negative:
        return None
    postfix = _postfix(shape)
    return None if postfix is None else _member(tokens[0].start, tokens[-1].end, tuple(operands), postfix)


@lru_cache(maxsize=4096)
def _postfix(shape: str) -> tuple[int | Operator, ...] | None:
    """Return the postfix of an expression whose numbers are their own places: the same few shapes come again."""
    try:
        return expressions.parse(shape).postfix
    except MalformedError:
        return None


def _member(start: int, end: int, operands: tuple[Value, ...], postfix: tuple[int | Operator, ...]) -> _Member:
    return _Member(start, end, operands, postfix, evaluate(operands, postfix))


def evaluate(operands: Sequence[Value], postfix: Sequence[int | Operator]) -> Value | None:
    """Return the exact value; None after a division by zero."""
    values: list[Value] = []
    for token in postfix:
        if isinstance(token, int):
            values.append(operands[token])
            continue
        right = values.pop()
        left = values.pop()
        if token == "/":
            if not right:
                return None
            values.append(whole(Fraction(left) / right))
        else:
            values.append(left + right if token == "+" else left - right if token == "-" else left * right)
    return whole(values[0])


def _read(chain: list[_Member]) -> Iterator[Operation]:
    """Yield the operations of a chain: `3 + 4 = 7 + 5 = 12` holds two, `(3 + 4) * 5 = 7 * 5 = 35` one in two forms."""
    draft: _Draft | None = None
    number: _Member | None = None
    for member in chain:
        lone = len(member.operands) == 1
        if draft is None:
            if lone:
                number = member
                continue
            draft = _Draft(member)
            if number is not None:
                draft.backwards = True
                draft.state(number)
        elif lone:
            draft.state(member)
        elif _rewrites(member, draft.member):
            draft.rewrite(member, slip=False)
        elif draft.stated is None and draft.member.value not in member.operands:
            draft.rewrite(member, slip=True)
        else:
            if draft.stated is None:
                draft.stated, draft.holds = draft.member.value, True
            yield draft.operation()
            draft = _Draft(member)
    if draft is not None:
        yield draft.operation()


def _rewrites(member: _Member, other: _Member) -> bool:
    """Return True if two expressions are equal, or nearly so where one holds a rounded decimal."""
    if member.value is None or other.value is None or member.value == other.value:
        return member.value == other.value
    rounded = any(isinstance(operand, Fraction) for operand in member.operands)
    one, two = Fraction(member.value), Fraction(other.value)
    return rounded and abs(one - two) * 100 <= max(Fraction(1), abs(two))


class _Draft:
    """A `_Draft` is an operation while its chain is read."""

    __slots__ = ("backwards", "end", "forms", "holds", "member", "start", "stated")

    def __init__(self, member: _Member, stated: Value | None = None) -> None:
        self.member = member
        self.start, self.end = member.start, member.end
        self.stated = stated
        self.holds = None if stated is None else agrees(member.value, stated)
        self.forms = 1
        self.backwards = False

    def state(self, number: _Member) -> None:
        """Take a lone number as the result; the first stays ("= 31 is 1 less than 32" states 31)."""
        if self.stated is not None:
            return
        self.stated = number.operands[0]
        self.start, self.end = min(self.start, number.start), max(self.end, number.end)
        self.holds = self.holds is not False and agrees(self.member.value, self.stated)

    def rewrite(self, member: _Member, slip: bool) -> None:
        """Take another expression that is set equal; a slip makes the whole chain wrong."""
        self.end = member.end
        self.forms += 1
        if slip:
            self.holds = False

    def operation(self) -> Operation:
        """Return the operation that was read."""
        member = self.member
        return Operation(
            start=self.start,
            end=self.end,
            operands=member.operands,
            postfix=member.postfix,
            value=member.value,
            stated=self.stated,
            holds=self.holds,
            forms=self.forms,
            backwards=self.backwards,
        )


def agrees(value: Value | None, stated: Value) -> bool:
    """Return True if a stated result is the value, or the value rounded to the decimals written (at most 4)."""
    if value is None or value == stated:
        return value is not None
    places = next((places for places in range(1, 5) if 10**places % stated.denominator == 0), None)
    return places is not None and not isinstance(stated, int) and abs(value - stated) * 2 * 10**places <= 1
