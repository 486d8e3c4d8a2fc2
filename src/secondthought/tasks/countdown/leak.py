r"""The leak of a text is how much of a Countdown answer it gives away: a solution, a right first operation, or nothing.

The text is taken as it is written, not as it is meant: "do not start with 3 * 4" states 3 * 4. Operators may be `x`,
the usual signs, LaTeX's `\times` and `\div`, "plus, minus, times, divided by" and "add a and b, multiply a by b,
subtract a from b, divide a by b". A solution counts whether it is one expression or a chain of steps
(`3 * 4 = 12, 12 + 7 = 19`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction

from secondthought.protocols import Leak
from secondthought.tasks import expressions
from secondthought.tasks.countdown import solver
from secondthought.tasks.countdown.verify import CORRECT, judge
from secondthought.tasks.expressions import Operator

MAX_CHARS = 20_000
"""Only so much of a text is read: a reflection is far shorter, and it bounds the work."""

_WORDS = [
    (
        re.compile(
            r"\\(?:times|cdot)\b|\u00d7|\u22c5|\b(?:multiplied by|times)\b|(?<=\d)x(?=\d)|(?<=[\d) ])x(?=[\d( ])"
        ),
        "*",
    ),
    (re.compile(r"\\div\b|\u00f7|\bdivided by\b"), "/"),
    (re.compile(r"\bplus\b"), "+"),
    (re.compile(r"\bminus\b|\u2212|\u2013"), "-"),
    (re.compile(r"\b(?:add|adding) (\d{1,9}) (?:and|to|with) (\d{1,9})\b"), r"\1+\2"),
    (re.compile(r"\b(?:multiply|multiplying) (\d{1,9}) (?:by|and|with) (\d{1,9})\b"), r"\1*\2"),
    (re.compile(r"\b(?:subtract|subtracting) (\d{1,9}) from (\d{1,9})\b"), r"\2-\1"),
    (re.compile(r"\b(?:divide|dividing) (\d{1,9}) by (\d{1,9})\b"), r"\1/\2"),
]
_RUN = re.compile(r"[0-9+\-*/() \t]+")
_TOKEN = re.compile(r"[0-9]+|[-+*/()]")


def leak(numbers: Sequence[int], target: int, text: str) -> Leak:
    """Tell how much of the answer the text gives away.

    >>> leak((3, 7, 12), 57, "Try 7 * 3 first, then think about 12.")
    'none'
    >>> leak((3, 4, 7), 19, "Multiply 3 by 4 first."), leak((3, 4, 7), 19, "3 x 4 = 12, then 12 + 7 = 19.")
    ('first_step', 'solution')
    """
    runs = list(_runs(text[:MAX_CHARS]))
    if any(_solves(numbers, target, run) for run in runs):
        return "solution"
    steps = [step for run in runs for step in _steps(run)]
    if _chain_solves(numbers, target, steps):
        return "solution"
    right = solver.first_steps(tuple(sorted(numbers)), target)
    return "first_step" if any(_ordered(step) in right for step in steps) else "none"


def _runs(text: str) -> Iterator[list[str]]:
    """Yield the tokens of each stretch of text that holds nothing but numbers, operators and brackets."""
    text = text.lower()
    for pattern, sign in _WORDS:
        text = pattern.sub(sign, text)
    for match in _RUN.finditer(text):
        yield _TOKEN.findall(match[0])


def _solves(numbers: Sequence[int], target: int, run: list[str]) -> bool:
    """Return True if as many numbers in a row as were given, with the brackets around them, are a solution."""
    places = [i for i, token in enumerate(run) if token.isdigit()]
    wanted = sorted(numbers)
    for first, last in zip(places, places[len(numbers) - 1 :], strict=False):
        if sorted(int(token) for token in run[first : last + 1] if _is_small(token)) == wanted and any(
            _is_solution(numbers, target, candidate) for candidate in _bracketings(run, first, last)
        ):
            return True
    return False


def _is_small(token: str) -> bool:
    return token.isdigit() and len(token) <= expressions.MAX_DIGITS


def _bracketings(run: list[str], first: int, last: int) -> Iterator[str]:
    """Yield the stretch with the brackets that it needs to balance, if they stand around it."""
    inner = run[first : last + 1]
    depth = lowest = 0
    for token in inner:
        depth += (token == "(") - (token == ")")
        lowest = min(lowest, depth)
    opening, closing = -lowest, depth - lowest
    before, after = run[max(0, first - opening) : first], run[last + 1 : last + 1 + closing]
    if before == ["("] * opening and after == [")"] * closing:
        yield " ".join([*before, *inner, *after])


def _is_solution(numbers: Sequence[int], target: int, text: str) -> bool:
    try:
        return judge(numbers, target, expressions.parse(text)) is CORRECT
    except expressions.MalformedError:
        return False


def _steps(run: list[str]) -> Iterator[solver.Step]:
    """Yield operations on two plain numbers that the stretch really carries out, by the rules of precedence."""
    padded = ["", *run, ""]
    for before, a, sign, b, after in zip(padded, padded[1:], padded[2:], padded[3:], padded[4:], strict=False):
        if not (_is_small(a) and _is_small(b) and sign in ("+", "-", "*", "/")):
            continue
        strong = sign in "*/"
        free_left = before in ("", "(") or (strong and before in ("+", "-"))
        if free_left and (strong or after not in ("*", "/")):
            yield int(a), _operator(sign), int(b)


def _operator(sign: str) -> Operator:
    operators: dict[str, Operator] = {"+": "+", "-": "-", "*": "*", "/": "/"}
    return operators[sign]


def _ordered(step: solver.Step) -> solver.Step:
    a, operator, b = step
    return (b, operator, a) if operator in "+*" and a > b else step


def _chain_solves(numbers: Sequence[int], target: int, steps: list[solver.Step]) -> bool:
    """Return True if the steps, each applied where its operands are at hand, use all numbers and end at the target."""
    pool = [Fraction(number) for number in numbers]
    for a, sign, b in steps:
        rest = list(pool)
        if a in rest:
            rest.remove(Fraction(a))
            if b in rest and not (sign == "/" and b == 0):
                rest.remove(Fraction(b))
                pool = [*rest, _result(a, sign, b)]
    return pool == [target]


def _result(a: int, sign: Operator, b: int) -> Fraction:
    if sign == "/":
        return Fraction(a, b)
    return Fraction(a + b if sign == "+" else a - b if sign == "-" else a * b)
