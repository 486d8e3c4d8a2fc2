"""The state of a Countdown attempt: the numbers at hand, each with the expression and the operation that made it.

Two derivations are the same if their canonical forms are (`tasks.countdown.canonical`): order and brackets that change
nothing do not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from secondthought.tasks.countdown import canonical
from secondthought.tasks.countdown.canonical import Node
from secondthought.tasks.countdown.reading.records import Operation, Value
from secondthought.tasks.expressions import Operator

_MOST_LEAVES = 12
"""A number made of more than that is taken for a new number: it bounds the work on runaway text."""
_MOST_POINTS = 12
"""Points of an attempt that can be gone back to, besides its start; it bounds the work too."""


class Holding(NamedTuple):
    """A `Holding` is a number at hand; `origin` is the operation that made it, None for a given or foreign number."""

    value: Value
    node: Node
    leaves: int
    origin: int | None


class Fit(NamedTuple):
    """A `Fit` says how operands were found among the holdings: what was taken, what is left, how many were missing.

    An operand that was missing is taken as a number from nowhere.
    """

    taken: tuple[Holding, ...]
    left: tuple[Holding, ...]
    missing: int


class ReturnPoint(NamedTuple):
    """A `ReturnPoint` is a state that can be gone back to: what was at hand, and the operations that led there."""

    holdings: tuple[Holding, ...]
    resumes: int | None = None
    operations: tuple[int, ...] = ()


@dataclass(slots=True)
class GrowingAttempt:
    """A `GrowingAttempt` is an attempt while it is followed.

    `derived` holds its results' nodes with their operations, `points` the states before its last operations, and
    `repeats` the rounds in which it was worked out again.
    """

    resumes: int | None
    holdings: tuple[Holding, ...]
    operations: list[int] = field(default_factory=list)
    derived: list[tuple[Node, int]] = field(default_factory=list)
    points: list[ReturnPoint] = field(default_factory=list)
    repeats: list[list[int]] = field(default_factory=list)

    @classmethod
    def begin(cls, point: ReturnPoint, nodes: Mapping[int, Node]) -> GrowingAttempt:
        """Begin an attempt at a point, with the operations that led there and their nodes."""
        derived = [(nodes[index], index) for index in point.operations]
        return cls(point.resumes, point.holdings, list(point.operations), derived)

    @property
    def results(self) -> list[Holding]:
        """Return what is at hand and was made by an operation."""
        return [holding for holding in self.holdings if holding.origin is not None]

    def keep_point(self) -> None:
        """Keep the state as it is now as a point to go back to; the oldest is dropped when there are many."""
        last = self.operations[-1] if self.operations else self.resumes
        self.points = [*self.points, ReturnPoint(self.holdings, last)][-_MOST_POINTS:]

    def move(self, index: int, found: Fit, result: Holding) -> None:
        """Add an operation: its operands are gone, its result is at hand."""
        self.operations.append(index)
        self.derived.append((result.node, index))
        self.holdings = (*found.left, result)

    def has_worked_out(self, result: Holding, operations: Sequence[Operation]) -> bool:
        """Return True if the attempt has this result, or has it within an expression of several operations.

        Within a sum that grew step by step, another order of the same terms is another attempt.
        """
        return any(
            node == result.node or (len(operations[index].operands) > 2 and contains(node, result.node))
            for node, index in self.derived[-_MOST_POINTS:]
        )

    def is_taken_up_by(self, result: Holding) -> bool:
        """Return True if an expression written out from the given numbers goes on from all results at hand."""
        return bool(self.results) and all(contains(result.node, holding.node) for holding in self.results)


def given(numbers: Sequence[int]) -> tuple[Holding, ...]:
    """Return the numbers of the problem as holdings."""
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
    """Return the result of an operation on what was taken; None where it has none."""
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
    """Return True if `part` is worked out on the way to `whole`: a subexpression, or some terms of a sum or product.

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
