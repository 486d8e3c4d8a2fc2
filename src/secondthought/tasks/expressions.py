"""Arithmetic expressions read from model text: `+ - * / ( )` over whole numbers, exact, in bounded time.

Nothing is executed and nothing recurses: a shunting-yard pass turns tokens into postfix and evaluates it as it goes,
on integer pairs. What is longer, deeper or larger than the limits below is refused, as are unary minus, decimals,
`**`, `//`, `=`, names, leading zeros and every character outside ASCII. LaTeX is understood only on request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias, cast

Operator: TypeAlias = Literal["+", "-", "*", "/"]

MAX_CHARS = 1000
"""Longer text is no expression that anybody asked for; it also bounds the size of every value."""
MAX_DEPTH = 50
MAX_DIGITS = 9

_PLAIN = re.compile(r"[0-9]+|[-+*/()]|[ \t\r\n]+|.", re.DOTALL)
_LATEX = re.compile(r"[0-9]+|[-+*/(){}]|\\[A-Za-z]+|[ \t\r\n]+|.", re.DOTALL)
_LATEX_SAME = {"\\times": "*", "\\cdot": "*", "\\div": "/"}
_FRACTIONS = frozenset({"\\frac", "\\dfrac", "\\tfrac"})
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}


class MalformedError(ValueError):
    """`MalformedError` says that a text is not an expression of this grammar."""


@dataclass(frozen=True, slots=True)
class Expression:
    """An `Expression` holds postfix tokens and the exact value as a pair, denominator 0 where it is undefined."""

    postfix: tuple[int | Operator, ...]
    numerator: int
    denominator: int

    @property
    def numbers(self) -> list[int]:
        """Return the numbers in the order they are written."""
        return [token for token in self.postfix if type(token) is int]

    @property
    def value(self) -> Fraction | None:
        """Return the exact value; None after a division by zero."""
        return Fraction(self.numerator, self.denominator) if self.denominator else None


def parse(text: str, *, latex: bool = False) -> Expression:
    r"""Read one expression.

    Args:
        text: the expression and nothing else; ASCII blanks around tokens are allowed.
        latex: also read `\times`, `\cdot`, `\div`, `\frac{}{}` and `\left( \right)`.

    Raises:
        MalformedError: the text is not such an expression, or exceeds a limit.

    >>> parse("(1 + 2) / 4").value
    Fraction(3, 4)
    >>> parse(r"\frac{1 + 2}{4} \times 2", latex=True).value
    Fraction(3, 2)
    """
    if len(text) > MAX_CHARS:
        text = text.strip(" \t\r\n")
        if len(text) > MAX_CHARS:
            raise MalformedError("too long")
    if latex and ("\\" in text or "{" in text):
        return _evaluate(_from_latex(_LATEX.findall(text)))
    return _evaluate(_PLAIN.findall(text))


def _evaluate(tokens: list[str]) -> Expression:
    postfix: list[int | Operator] = []
    values: list[tuple[int, int]] = []
    pending: list[str] = []
    depth = 0
    operand_next = True
    for token in tokens:
        if token.isspace() and token.isascii():
            continue
        if operand_next:
            if token == "(":
                depth += 1
                if depth > MAX_DEPTH:
                    raise MalformedError("nested too deeply")
                pending.append(token)
                continue
            number = _number(token)
            postfix.append(number)
            values.append((number, 1))
            operand_next = False
        elif token == ")":
            while pending and pending[-1] != "(":
                _apply(pending.pop(), postfix, values)
            if not pending:
                raise MalformedError("unbalanced )")
            pending.pop()
            depth -= 1
        else:
            precedence = _PRECEDENCE.get(token)
            if precedence is None:
                raise MalformedError("an operator is missing")
            while pending and pending[-1] != "(" and _PRECEDENCE[pending[-1]] >= precedence:
                _apply(pending.pop(), postfix, values)
            pending.append(token)
            operand_next = True
    if operand_next or depth:
        raise MalformedError("incomplete")
    while pending:
        _apply(pending.pop(), postfix, values)
    return Expression(tuple(postfix), *values[0])


def _number(token: str) -> int:
    if not (token.isascii() and token.isdigit()) or len(token) > MAX_DIGITS or (token[0] == "0" and token != "0"):
        raise MalformedError("a number is missing")
    return int(token)


def _apply(operator: str, postfix: list[int | Operator], values: list[tuple[int, int]]) -> None:
    postfix.append(cast(Operator, operator))
    c, d = values.pop()
    a, b = values.pop()
    if operator == "+":
        values.append((a * d + c * b, b * d))
    elif operator == "-":
        values.append((a * d - c * b, b * d))
    elif operator == "*":
        values.append((a * c, b * d))
    else:
        # An undefined divisor (d == 0) must stay undefined, or 1 / (1 / 0) would be 0.
        values.append((a * d, b * c * (d != 0)))


def _from_latex(tokens: list[str]) -> list[str]:
    r"""Turn LaTeX into plain tokens: `\frac{A}{B}` becomes `((A)/(B))`; brackets and braces must nest together."""
    plain: list[str] = []
    opened: list[str] = []
    expected: str | None = None
    glued: str | None = None
    for token in tokens:
        if token.isspace() and token.isascii():
            continue
        if expected is not None:
            if token != "{":
                raise MalformedError("\\frac needs {}{}")
            opened.append(expected)
            expected = None
        elif glued is not None:
            if token != glued:
                raise MalformedError("\\left and \\right need a bracket")
            glued = None
            _bracket(token, plain, opened)
        elif token in _FRACTIONS:
            plain += ["(", "("]
            expected = "numerator"
        elif token == "}":
            role = opened.pop() if opened else ""
            if role == "numerator":
                plain += [")", "/", "("]
                expected = "denominator"
            elif role == "denominator":
                plain += [")", ")"]
            else:
                raise MalformedError("unbalanced }")
        elif token in ("\\left", "\\right"):
            glued = "(" if token == "\\left" else ")"
        elif token in ("(", ")"):
            _bracket(token, plain, opened)
        else:
            plain.append(_LATEX_SAME.get(token, token))
    if opened or expected or glued:
        raise MalformedError("incomplete")
    return plain


def _bracket(token: str, plain: list[str], opened: list[str]) -> None:
    if token == "(":
        opened.append("(")
    elif not opened or opened.pop() != "(":
        raise MalformedError("unbalanced )")
    plain.append(token)
