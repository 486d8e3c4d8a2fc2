"""Follow the numbers: which operations build on each other, where an attempt is left and another begun.

An operation whose operands are at hand moves the attempt on. One whose operands are not, but were there earlier, goes
back: to an earlier point of the attempt or to the given numbers. Going back over what the attempt has already worked
out is a repeat; an expression that takes up all that is at hand, written out from the given numbers, is the same
attempt. An operation on the target (or on a number derived so), which the attempt has not produced, works backwards.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from secondthought.tasks.countdown.canonical import Node
from secondthought.tasks.countdown.reading.records import BackwardStep, Operation, Role, Value
from secondthought.tasks.countdown.reading.state import Fit, Holding, contains, derive, fit, given

_MOST_POINTS = 12
"""Points of an attempt that can be gone back to, besides its start; it bounds the work on runaway text."""

_MOST_AHEAD = 3
"""Operations looked at to tell which point is gone back to."""


class Point(NamedTuple):
    """A state that can be gone back to: what was at hand, and the operations that led there."""

    holdings: tuple[Holding, ...]
    resumes: int | None = None
    operations: tuple[int, ...] = ()


@dataclass(slots=True)
class Line:
    """An attempt as it grows; `derived` are its results' nodes, `repeats` the rounds of working it out again."""

    resumes: int | None
    holdings: tuple[Holding, ...]
    operations: list[int] = field(default_factory=list)
    derived: list[tuple[Node, int]] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    repeats: list[list[int]] = field(default_factory=list)


@dataclass(slots=True)
class Course:
    """Everything that the operations did; `used[i]` is the operation that took the result of `i` as an operand.

    `foreign` are operations that took a number from nowhere.
    """

    roles: list[Role]
    nodes: dict[int, Node]
    lines: list[Line]
    backward: list[BackwardStep]
    gaps: list[int]
    used: dict[int, int]
    foreign: set[int]


def trace(operations: Sequence[Operation], numbers: Sequence[int], target: int, rejected: Collection[int]) -> Course:
    """Follow the operations of one text; `rejected` are those whose result the text turns down."""
    tracer = _Tracer(operations, numbers, target, rejected)
    for index in range(len(operations)):
        tracer.step(index)
    return tracer.course


class _Tracer:
    def __init__(
        self, operations: Sequence[Operation], numbers: Sequence[int], target: int, rejected: Collection[int]
    ) -> None:
        self.operations = operations
        self.start = Point(given(numbers))
        self.target = target
        self.rejected = rejected
        self.line = Line(None, self.start.holdings)
        self.again: Point | None = None
        self.sought: dict[Value, tuple[Value, ...]] = {target: ()}
        self.course = Course([], {}, [self.line], [], [], {}, set())

    def step(self, index: int) -> None:
        """Give one operation its role and its place."""
        operation = self.operations[index]
        here = fit(operation.operands, self.line.holdings)
        if not here.missing or self._goes_on(index, here):
            role = self._forward(index, here)
        else:
            role = self._back(index) or self._backward(index, here) or self._foreign(index, here)
        self.course.roles.append(role)

    def _forward(self, index: int, found: Fit) -> Role:
        result = derive(self.operations[index], found.taken, index)
        if result is None:
            return "aside"
        if found.missing:
            self.course.foreign.add(index)
        line = self.line
        line.points = [*line.points, self._here()][-_MOST_POINTS:]
        self._move(index, found, result)
        return "forward"

    def _here(self) -> Point:
        line = self.line
        last = line.operations[-1] if line.operations else line.resumes
        return Point(line.holdings, last)

    def _move(self, index: int, found: Fit, result: Holding) -> None:
        self.line.operations.append(index)
        self.line.derived.append((result.node, index))
        self.line.holdings = (*found.left, result)
        self.course.nodes[index] = result.node
        self.again = None
        for holding in found.taken:
            if holding.origin is not None:
                self.course.used.setdefault(holding.origin, index)

    def _goes_on(self, index: int, here: Fit) -> bool:
        """True if the result just made is an operand, and the others are given numbers that are used up."""
        operands, line = self.operations[index].operands, self.line.operations
        if not line or line[-1] != index - 1 or index - 1 in self.rejected:
            return False
        if self.operations[index].result is None or self.operations[index - 1].result not in operands:
            return False
        given_numbers = {holding.value for holding in self.start.holdings}
        return all(held in self.line.holdings or held.value in given_numbers for held in here.taken)

    def _back(self, index: int) -> Role | None:
        """Go back to the nearest point from which the operation is possible, or to the start if that leads further."""
        for point in (self.again, *reversed(self.line.points), self.start):
            if point is None:
                continue
            found = fit(self.operations[index].operands, point.holdings)
            if not found.missing:
                afresh = fit(self.operations[index].operands, self.start.holdings)
                if not afresh.missing and self._ahead(index, afresh) > self._ahead(index, found):
                    point, found = self.start, afresh
                return self._from(index, point, found)
        return None

    def _ahead(self, index: int, found: Fit) -> int:
        """How many of the next operations are possible after this one, up to the last that uses what these made."""
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

    def _from(self, index: int, point: Point, found: Fit) -> Role:
        result = derive(self.operations[index], found.taken, index)
        if result is None:
            return "aside"
        turned_down = bool(self.line.operations) and self.line.operations[-1] in self.rejected
        if self._worked_out(result):
            return self._repeat(index, point, found, result)
        if not turned_down and self._takes_up_all(result):
            for holding in self.line.holdings:
                if holding.origin is not None:
                    self.course.used.setdefault(holding.origin, index)
            self._move(index, found, result)
            return "forward"
        self._restart(point)
        return self._forward(index, found)

    def _worked_out(self, result: Holding) -> bool:
        """True if the attempt has this result, or has it within an expression of several operations.

        Within a sum that grew step by step, another order of the same terms is another attempt.
        """
        return any(
            node == result.node or (len(self.operations[index].operands) > 2 and contains(node, result.node))
            for node, index in self.line.derived[-_MOST_POINTS:]
        )

    def _repeat(self, index: int, point: Point, found: Fit, result: Holding) -> Role:
        self.course.nodes[index] = result.node
        if point is self.again:
            self.line.repeats[-1].append(index)
        else:
            self.line.repeats.append([index])
        self.again = Point((*found.left, result), point.resumes, (*point.operations, index))
        return "repeat"

    def _takes_up_all(self, result: Holding) -> bool:
        """True if an expression written out from the given numbers goes on from all results at hand."""
        live = [holding for holding in self.line.holdings if holding.origin is not None]
        return bool(live) and all(contains(result.node, holding.node) for holding in live)

    def _restart(self, point: Point) -> None:
        if point is self.again and self.line.repeats:
            # What looked like working out again was the way to this new attempt.
            self.line.repeats.pop()
            for index in point.operations:
                self.course.roles[index] = "forward"
        self.line = Line(point.resumes, point.holdings, list(point.operations))
        self.line.derived = [(self.course.nodes[index], index) for index in point.operations]
        self.again = None
        self.course.lines.append(self.line)

    def _backward(self, index: int, here: Fit) -> Role | None:
        operation = self.operations[index]
        if len(operation.operands) != 2 or operation.result is None:
            return None
        for place in (0, 1):
            origin, other = operation.operands[place], operation.operands[1 - place]
            if origin in self.sought and self._leads_back(operation, origin, other):
                return self._gap(index, origin, other)
        if operation.stated is not None and operation.stated in self.sought:
            return self._what_is_missing(index, here)
        return None

    def _leads_back(self, operation: Operation, origin: Value, other: Value) -> bool:
        """True if the other operand is at hand, and not among the numbers that led to `origin`."""
        if origin != self.target and operation.stated is None:
            return False
        if any(holding.value == other and holding.origin is not None for holding in self.line.holdings):
            return len(self.sought[origin]) < len(self.start.holdings)
        return not fit((other, *self.sought[origin]), self.start.holdings).missing

    def _have(self, value: Value) -> bool:
        return any(holding.value == value for point in (self._here(), self.start) for holding in point.holdings)

    def _gap(self, index: int, origin: Value, other: Value) -> Role:
        """The target and a number at hand: what is still needed or, with nothing left, by how much it was missed."""
        results = [holding for holding in self.line.holdings if holding.origin is not None]
        if len(self.line.holdings) == 1 and results and results[0].value == other:
            self.course.gaps.append(index)
            return "repeat"
        if any(node for node in self.line.derived if self.operations[node[1]].result == origin == self.target):
            return "repeat"
        result = self.operations[index].result
        assert result is not None
        self.sought[result] = (*self.sought[origin], other)
        self.course.backward.append(BackwardStep(operation=index, origin=origin, goal=result))
        return "backward"

    def _what_is_missing(self, index: int, here: Fit) -> Role | None:
        """`20 * 12 = 240` where 240 is sought and 12 is nowhere: 12 is what is asked for, if it is looked for later."""
        operation = self.operations[index]
        absent = [value for value in operation.operands if not self._have(value)]
        origin = operation.result
        if len(absent) != 1 or origin is None or here.missing != 1:
            return None
        following = self.operations[index + 1 : index + 1 + _MOST_POINTS]
        if not any(later.result == absent[0] and later.operands != operation.operands for later in following):
            return None
        present = operation.operands[operation.operands[0] == absent[0]]
        self.sought[absent[0]] = (*self.sought.get(origin, ()), present)
        self.course.backward.append(BackwardStep(operation=index, origin=origin, goal=absent[0]))
        return "backward"

    def _foreign(self, index: int, here: Fit) -> Role:
        """Numbers from nowhere: part of an attempt if at least one operand is at hand and a result is stated.

        Without a result it must look like a whole answer: as many operands as there are numbers, and one that is off.
        What equals the last expression works that one out with numbers put in.
        """
        operation = self.operations[index]
        if self.line.operations and self.operations[self.line.operations[-1]].value == operation.value:
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
