"""What is at hand in a Countdown attempt: numbers, each with the expression that made it, and which operation did.

Two derivations are the same if their canonical forms are (`tasks.countdown.canonical`): order and brackets that change
nothing do not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from secondthought.tasks.countdown import canonical
from secondthought.tasks.countdown.canonical import Node
from secondthought.tasks.countdown.reading.records import Operation, Value
from secondthought.tasks.expressions import Operator

_MOST_LEAVES = 12
"""A number made of more than that is taken for a new number: it bounds the work on runaway text."""


class Holding(NamedTuple):
    """A number at hand; `origin` is the operation that made it, None for a given or a foreign number."""

    value: Value
    node: Node
    leaves: int
    origin: int | None


class Fit(NamedTuple):
    """How an operation's operands were found among the holdings: what was taken, what is left, how many were not there.

    An operand that was not there is taken as a number from nowhere.
    """

    taken: tuple[Holding, ...]
    left: tuple[Holding, ...]
    missing: int


def given(numbers: Sequence[int]) -> tuple[Holding, ...]:
    """The numbers of the problem."""
    return tuple(_number(number) for number in numbers)


def _number(value: Value) -> Holding:
    return Holding(value, (0, value), 1, None)


def fit(operands: Sequence[Value], holdings: Sequence[Holding]) -> Fit:
    """Take the operands from the holdings, results before given numbers."""
    left = list(holdings)
    taken = []
    missing = 0
    for value in operands:
        for place in range(len(left) - 1, -1, -1):
            if left[place].value == value:
                taken.append(left.pop(place))
                break
        else:
            missing += 1
            taken.append(_number(value))
    return Fit(tuple(taken), tuple(left), missing)


def derive(operation: Operation, taken: Sequence[Holding], index: int) -> Holding | None:
    """The result of an operation on what was taken; None where it has none."""
    result = operation.result
    if result is None:
        return None
    leaves = sum(holding.leaves for holding in taken)
    if leaves > _MOST_LEAVES:
        return Holding(result, (0, result), 1, index)
    return Holding(result, _node(operation.postfix, taken), leaves, index)


def _node(postfix: Sequence[int | Operator], taken: Sequence[Holding]) -> Node:
    nodes: list[Node] = []
    for token in postfix:
        if isinstance(token, int):
            nodes.append(taken[token].node)
        else:
            right = nodes.pop()
            nodes.append(canonical.join(nodes.pop(), token, right))
    return nodes[0]


def contains(whole: Node, part: Node) -> bool:
    """True if `part` is worked out on the way to `whole`: a subexpression, or some terms of a sum or product.

    >>> a, b, c = (canonical.leaf(number) for number in (3, 7, 12))
    >>> whole = canonical.join(canonical.join(a, "+", b), "+", c)
    >>> contains(whole, canonical.join(c, "+", a)), contains(whole, canonical.join(c, "-", a))
    (True, False)
    """
    if whole == part:
        return True
    kind, content = whole
    if kind == 0:
        return False
    if part[0] == kind and _some_terms(list(content), part[1]):
        return True
    return any(contains(child, part) for _, child in content)


def _some_terms(terms: list[tuple[int, Node]], wanted: Sequence[tuple[int, Node]]) -> bool:
    for term in wanted:
        if term not in terms:
            return False
        terms.remove(term)
    return True
