"""Follow the numbers: which operations build on each other, where an attempt is left and another begun.

An operation whose operands are at hand moves the attempt on. One whose operands are not, but were there earlier, goes
back: to an earlier point of the attempt or to the given numbers. Going back over what the attempt has already worked
out is a repeat; an expression that takes up all that is at hand, written out from the given numbers, is the same
attempt. An operation on the target, which the attempt has not produced, works backwards (`backward`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from secondthought.tasks.countdown.canonical import Node
from secondthought.tasks.countdown.reading.backward import BackwardSteps
from secondthought.tasks.countdown.reading.records import BackwardStep, Operation, OperationRole
from secondthought.tasks.countdown.reading.state import Fit, GrowingAttempt, Holding, ReturnPoint, derive, fit, given

_MOST_AHEAD = 3
"""Operations looked at to tell which point is gone back to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedOperations:
    """`TracedOperations` say what the operations of one text did, in order.

    `nodes` holds the results that became part of an attempt; `used[i]` is the operation that took the result of `i` as
    an operand; `foreign` are operations that took a number from nowhere.
    """

    operations: Sequence[Operation]
    roles: Sequence[OperationRole]
    nodes: Mapping[int, Node]
    attempts: Sequence[GrowingAttempt]
    backward: Sequence[BackwardStep]
    gaps: Sequence[int]
    used: Mapping[int, int]
    foreign: Collection[int]


def trace(
    operations: Sequence[Operation], numbers: Sequence[int], target: int, rejected: Collection[int]
) -> TracedOperations:
    """Follow the operations of one text; `rejected` are those whose result the text turns down."""
    tracer = _Tracer(operations, numbers, target, rejected)
    for index in range(len(operations)):
        tracer.step(index)
    return TracedOperations(
        operations=operations,
        roles=tracer.roles,
        nodes=tracer.nodes,
        attempts=tracer.attempts,
        backward=tracer.backward.steps,
        gaps=tracer.backward.gaps,
        used=tracer.used,
        foreign=tracer.foreign,
    )


class _Tracer:
    """A `_Tracer` gives each operation its role and its place; `again` is how far a repeat has worked out anew."""

    def __init__(
        self, operations: Sequence[Operation], numbers: Sequence[int], target: int, rejected: Collection[int]
    ) -> None:
        self.operations = operations
        self.rejected = rejected
        self.start = ReturnPoint(given(numbers))
        self.backward = BackwardSteps(operations, self.start.holdings, target)
        self.attempt = GrowingAttempt.begin(self.start, {})
        self.again: ReturnPoint | None = None
        self.roles: list[OperationRole] = []
        self.nodes: dict[int, Node] = {}
        self.attempts = [self.attempt]
        self.used: dict[int, int] = {}
        self.foreign: set[int] = set()

    def step(self, index: int) -> None:
        """Give one operation its role and its place."""
        here = fit(self.operations[index].operands, self.attempt.holdings)
        if not here.missing or self._goes_on(index, here):
            role = self._forward(index, here)
        else:
            role = self._back(index) or self.backward.role(index, here, self.attempt) or self._with_foreign(index, here)
        self.roles.append(role)

    def _goes_on(self, index: int, here: Fit) -> bool:
        """Return True if the result just made is an operand, and the others are given numbers that are used up."""
        operands, made = self.operations[index].operands, self.attempt.operations
        if not made or made[-1] != index - 1 or index - 1 in self.rejected:
            return False
        if self.operations[index].result is None or self.operations[index - 1].result not in operands:
            return False
        given_numbers = {holding.value for holding in self.start.holdings}
        return all(held in self.attempt.holdings or held.value in given_numbers for held in here.taken)

    def _forward(self, index: int, found: Fit) -> OperationRole:
        """Move the attempt on, and keep the point before it."""
        result = derive(self.operations[index], found.taken, index)
        if result is None:
            return "aside"
        if found.missing:
            self.foreign.add(index)
        self.attempt.keep_point()
        return self._take(index, found, result)

    def _take(self, index: int, found: Fit, result: Holding) -> OperationRole:
        self.attempt.move(index, found, result)
        self.nodes[index] = result.node
        self.again = None
        self._use(found.taken, index)
        return "forward"

    def _use(self, taken: Sequence[Holding], index: int) -> None:
        for holding in taken:
            if holding.origin is not None:
                self.used.setdefault(holding.origin, index)

    def _back(self, index: int) -> OperationRole | None:
        """Go back to the nearest point from which the operation is possible, or to the start if that leads further."""
        operands = self.operations[index].operands
        for point in (self.again, *reversed(self.attempt.points), self.start):
            if point is None:
                continue
            found = fit(operands, point.holdings)
            if not found.missing:
                afresh = fit(operands, self.start.holdings)
                if not afresh.missing and self._ahead(index, afresh) > self._ahead(index, found):
                    return self._from(index, self.start, afresh)
                return self._from(index, point, found)
        return None

    def _ahead(self, index: int, found: Fit) -> int:
        """Count the next operations that are possible after this one, up to the last that uses what these made."""
        first, furthest = index, 0
        for count in range(1, _MOST_AHEAD + 1):
            result = derive(self.operations[index], found.taken, index)
            index += 1
            if result is None or index >= len(self.operations):
                break
            found = fit(self.operations[index].operands, (*found.left, result))
            if found.missing:
                break
            if any(holding.origin is not None and holding.origin >= first for holding in found.taken):
                furthest = count
        return furthest

    def _from(self, index: int, point: ReturnPoint, found: Fit) -> OperationRole:
        """Place an operation that is possible from a point: as a repeat, in the same attempt, or in another one."""
        result = derive(self.operations[index], found.taken, index)
        if result is None:
            return "aside"
        made = self.attempt.operations
        turned_down = bool(made) and made[-1] in self.rejected
        if self.attempt.has_worked_out(result, self.operations):
            return self._repeat(index, point, found, result)
        if not turned_down and self.attempt.is_taken_up_by(result):
            self._use(self.attempt.holdings, index)
            return self._take(index, found, result)
        self._restart(point)
        return self._forward(index, found)

    def _repeat(self, index: int, point: ReturnPoint, found: Fit, result: Holding) -> OperationRole:
        self.nodes[index] = result.node
        if point is self.again:
            self.attempt.repeats[-1].append(index)
        else:
            self.attempt.repeats.append([index])
        self.again = ReturnPoint((*found.left, result), point.resumes, (*point.operations, index))
        return "repeat"

    def _restart(self, point: ReturnPoint) -> None:
        if point is self.again and self.attempt.repeats:
            # What looked like working out again was the way to this new attempt.
            self.attempt.repeats.pop()
            for index in point.operations:
                self.roles[index] = "forward"
        self.attempt = GrowingAttempt.begin(point, self.nodes)
        self.again = None
        self.attempts.append(self.attempt)

    def _with_foreign(self, index: int, here: Fit) -> OperationRole:
        """Place an operation on numbers from nowhere: in an attempt if one operand is at hand and a result is stated.

        Without a result it must look like a whole answer: as many operands as there are numbers, and one that is off.
        What equals the last expression works that one out with numbers put in.
        """
        operation, made = self.operations[index], self.attempt.operations
        if made and self.operations[made[-1]].value == operation.value:
            return "repeat"
        afresh = fit(operation.operands, self.start.holdings)
        fewest = min(here.missing, afresh.missing)
        whole = len(operation.operands) >= max(3, len(self.start.holdings)) and fewest == 1
        if fewest == len(operation.operands) or (operation.stated is None and not whole):
            return "aside"
        if afresh.missing < here.missing:
            self._restart(self.start)
            return self._forward(index, afresh)
        return self._forward(index, here)
