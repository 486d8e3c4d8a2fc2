"""Slow oracles for Countdown, written from the rules: brute force over Fraction, and a verifier on Python's own ast."""

from __future__ import annotations

import ast
import operator
import re
from fractions import Fraction
from itertools import permutations

BINARY = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
SIGNS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


def reachable(values):
    """Every value that ordered pairs, combined until one is left, can make."""
    if len(values) == 1:
        return {values[0]}
    made = set()
    for i, j in permutations(range(len(values)), 2):
        rest = [value for k, value in enumerate(values) if k not in (i, j)]
        for sign in SIGNS:
            result = apply(values[i], sign, values[j])
            if result is not None:
                made |= reachable([*rest, result])
    return made


def first_steps(numbers, target):
    """Operations on two numbers after which brute force still finds the target."""
    found = set()
    for i, j in permutations(range(len(numbers)), 2):
        a, b = numbers[i], numbers[j]
        rest = [Fraction(number) for k, number in enumerate(numbers) if k not in (i, j)]
        for sign in SIGNS:
            result = apply(Fraction(a), sign, Fraction(b))
            if result is not None and target in reachable([*rest, result]):
                found.add((b, sign, a) if sign in "+*" and a > b else (a, sign, b))
    return found


def trees(values):
    """Every expression, fully bracketed, with its value."""
    if len(values) == 1:
        yield values[0]
        return
    for i, j in permutations(range(len(values)), 2):
        rest = [item for k, item in enumerate(values) if k not in (i, j)]
        for sign in SIGNS:
            result = apply(values[i][1], sign, values[j][1])
            if result is not None:
                yield from trees([*rest, (f"({values[i][0]} {sign} {values[j][0]})", result)])


def apply(a, sign, b):
    return None if sign == "/" and b == 0 else SIGNS[sign](a, b)


def evaluate(text):
    """Numbers and value of an expression by Python's grammar, with what the rules refuse refused; None if malformed."""
    if not re.fullmatch(r"[0-9+\-*/() \t\r\n]*", text) or re.search(r"\*\*|//|\b0[0-9]|[0-9]{10}", text):
        return None
    try:
        tree = ast.parse(f"({text}\n)", mode="eval").body
    except (SyntaxError, ValueError):
        return None
    numbers = []
    try:
        value = _walk(tree, numbers)
    except TypeError:
        return None
    return numbers, value


def _walk(node, numbers):
    if isinstance(node, ast.Constant) and type(node.value) is int:
        numbers.append(node.value)
        return Fraction(node.value)
    if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
        left, right = _walk(node.left, numbers), _walk(node.right, numbers)
        if left is None or right is None or (isinstance(node.op, ast.Div) and right == 0):
            return None
        return BINARY[type(node.op)](left, right)
    raise TypeError(node)
