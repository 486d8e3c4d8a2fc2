"""The exact solver of Countdown tells if a target can be reached, in which ways, and by which first operations.

It works on subsets of the numbers. The values of a subset are all that its numbers, each used once, can make; a
target is reached by a set of numbers if a value `a` of one part and the matching `b` of the other part make it. Only
parts of at most half the numbers are ever listed, so six numbers stay feasible. Values are reduced integer pairs (a
`Fraction` costs ten times more); tests hold them against a brute-force search over `Fraction`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product
from math import gcd
from typing import TypeAlias

from secondthought.tasks.countdown import canonical
from secondthought.tasks.expressions import Operator

Rational: TypeAlias = tuple[int, int]
"""A reduced fraction: numerator, positive denominator."""
Step: TypeAlias = tuple[int, Operator, int]
"""An operation on two of the given numbers; for `+` and `*`, the smaller number first."""


@lru_cache(maxsize=4096)
def solvable(numbers: tuple[int, ...], target: int) -> bool:
    """Return True if an expression that uses every number once equals the target.

    >>> solvable((3, 7, 12), 40), solvable((1, 1, 1), 24)
    (False, False)
    """
    return Reach([(number, 1) for number in numbers]).reaches((target, 1))


@lru_cache(maxsize=4096)
def solutions(numbers: tuple[int, ...], target: int) -> tuple[str, ...]:
    """Return all solutions, shortest first; two that differ only by commutativity and associativity are one.

    So `a - (b - c)` and `c + a - b` are one solution, `(a - b) * (c - d)` and `(b - a) * (d - c)` are two, and so are
    `a * 1` and `a / 1`. Equal numbers are interchangeable.

    >>> solutions((2, 3, 4), 24), solutions((3, 3, 8, 8), 24)
    (('2 * 3 * 4',), ('8 / (3 - 8 / 3)',))
    """
    reach = Reach([(number, 1) for number in numbers])
    leaves = [canonical.leaf(number) for number in numbers]
    texts = {canonical.render(node) for node in _nodes(reach, leaves, reach.full, (target, 1), {})}
    return tuple(sorted(texts, key=lambda text: (len(text), text)))


@lru_cache(maxsize=16384)
def first_steps(numbers: tuple[int, ...], target: int) -> frozenset[Step]:
    """Return the operations on two of the given numbers after which the target can still be reached.

    >>> sorted(first_steps((2, 3, 4), 24))
    [(2, '*', 3), (2, '*', 4), (3, '*', 4)]
    """
    return frozenset(
        step for step, rest in _single_steps(tuple(sorted(numbers))) if Reach(list(rest)).reaches((target, 1))
    )


@lru_cache(maxsize=16384)
def dead_steps(numbers: tuple[int, ...], target: int) -> frozenset[Step]:
    """Return the operations on two of the given numbers after which the target is out of reach."""
    return frozenset(step for step, _ in _single_steps(tuple(sorted(numbers)))) - first_steps(numbers, target)


class Reach:
    """`Reach` is what a list of values can make, subset by subset; a subset is a bit mask over their positions."""

    def __init__(self, leaves: Sequence[Rational]) -> None:
        self.full = (1 << len(leaves)) - 1
        self._values: dict[int, frozenset[Rational]] = {1 << i: frozenset({leaf}) for i, leaf in enumerate(leaves)}
        self._reached: dict[tuple[int, Rational], bool] = {}

    def values(self, mask: int) -> frozenset[Rational]:
        """Return the values that a subset can make."""
        found = self._values.get(mask)
        if found is None:
            made: set[Rational] = set()
            for small, large in splits(mask):
                for a, b in product(self.values(small), self.values(large)):
                    made.update(_combinations(a, b))
            found = self._values[mask] = frozenset(made)
        return found

    def reaches(self, target: Rational, mask: int | None = None) -> bool:
        """Return True if the subset (by default all) can make the target."""
        mask = self.full if mask is None else mask
        if mask.bit_count() <= 3:
            return target in self.values(mask)
        key = (mask, target)
        if key not in self._reached:
            # "0 times anything" needs no case of its own here: 0 is then also a number times what the others make.
            self._reached[key] = any(
                self.reaches(b, large)
                for small, large in splits(mask)
                for a in self.values(small)
                for b in _partners(a, target)
            )
        return self._reached[key]


def splits(mask: int) -> Iterator[tuple[int, int]]:
    """Yield the ways to cut a subset into two parts, the smaller part first, each unordered pair once."""
    part = (mask - 1) & mask
    while part:
        other = mask ^ part
        sizes = part.bit_count(), other.bit_count()
        if sizes[0] < sizes[1] or (sizes[0] == sizes[1] and part < other):
            yield part, other
        part = (part - 1) & mask


def operate(a: Rational, operator: Operator, b: Rational) -> Rational | None:
    """Return the result of one operation; None for a division by zero."""
    (p, q), (r, s) = a, b
    if operator == "+":
        return _reduced(p * s + r * q, q * s)
    if operator == "-":
        return _reduced(p * s - r * q, q * s)
    if operator == "*":
        return _reduced(p * r, q * s)
    return _reduced(p * s, q * r) if r else None


def _reduced(numerator: int, denominator: int) -> Rational:
    if denominator == 1:
        return numerator, 1
    divisor = gcd(numerator, denominator)
    if denominator < 0:
        divisor = -divisor
    return numerator // divisor, denominator // divisor


def _combinations(a: Rational, b: Rational) -> Iterator[Rational]:
    (p, q), (r, s) = a, b
    left, right, below = p * s, r * q, q * s
    yield _reduced(left + right, below)
    yield _reduced(left - right, below)
    yield _reduced(right - left, below)
    yield _reduced(p * r, below)
    if r:
        yield _reduced(left, right)
    if p:
        yield _reduced(right, left)


def _partners(a: Rational, target: Rational) -> Iterator[Rational]:
    """Yield each `b` with which `a` gives the target by some operation, except where any `b` does (`a` is 0)."""
    return (b for b, _, _ in _matches(a, target))


def _matches(a: Rational, target: Rational) -> Iterator[tuple[Rational, Operator, bool]]:
    """Yield `(b, operator, a_first)` with the target as result; for `a` = 0 only sums and differences."""
    (p, q), (t, u) = a, target
    left, right, below = p * u, t * q, q * u
    yield _reduced(right - left, below), "+", True
    yield _reduced(left - right, below), "-", True
    yield _reduced(right + left, below), "-", False
    if p:
        yield _reduced(right, left), "*", True
        yield _reduced(t * p, below), "/", False
        if t:
            yield _reduced(left, right), "/", True


def _nodes(
    reach: Reach,
    leaves: list[canonical.Node],
    mask: int,
    target: Rational,
    memo: dict[tuple[int, Rational], set[canonical.Node]],
) -> set[canonical.Node]:
    """Return the canonical trees of a subset that equal the target."""
    if mask.bit_count() == 1:
        return {leaves[mask.bit_length() - 1]} if target in reach.values(mask) else set()
    key = (mask, target)
    if key not in memo:
        found: set[canonical.Node] = set()
        for small, large in splits(mask):
            for a in reach.values(small):
                for b, operator, a_first in _all_matches(reach, a, large, target):
                    if not reach.reaches(b, large):
                        continue
                    pairs = product(_nodes(reach, leaves, small, a, memo), _nodes(reach, leaves, large, b, memo))
                    for one, two in pairs:
                        first, second = (one, two) if a_first else (two, one)
                        found.add(canonical.join(first, operator, second))
        memo[key] = found
    return memo[key]


def _all_matches(reach: Reach, a: Rational, large: int, target: Rational) -> Iterator[tuple[Rational, Operator, bool]]:
    yield from _matches(a, target)
    if a[0] == 0 == target[0]:
        for b in reach.values(large):
            yield b, "*", True
            if b[0]:
                yield b, "/", True


def _single_steps(numbers: tuple[int, ...]) -> Iterator[tuple[Step, tuple[Rational, ...]]]:
    """Yield each distinct operation on two of the (sorted) numbers, with the values that are left after it."""
    seen: set[tuple[int, int]] = set()
    for i in range(len(numbers)):
        for j in range(i + 1, len(numbers)):
            a, b = numbers[i], numbers[j]
            if (a, b) in seen:
                continue
            seen.add((a, b))
            rest = tuple((number, 1) for k, number in enumerate(numbers) if k not in (i, j))
            yield (a, "+", b), (*rest, (a + b, 1))
            yield (a, "*", b), (*rest, (a * b, 1))
            yield (a, "-", b), (*rest, (a - b, 1))
            if b:
                yield (a, "/", b), (*rest, _reduced(a, b))
            if a != b:
                yield (b, "-", a), (*rest, (b - a, 1))
                if a:
                    yield (b, "/", a), (*rest, _reduced(b, a))
