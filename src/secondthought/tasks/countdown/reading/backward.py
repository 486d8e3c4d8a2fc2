"""Steps from the target backwards: operations on the target, or on a number derived so, that no attempt has made."""

from __future__ import annotations

from collections.abc import Sequence

from secondthought.tasks.countdown.reading.records import BackwardStep, Operation, OperationRole, Value
from secondthought.tasks.countdown.reading.state import Fit, GrowingAttempt, Holding, fit

_MOST_AHEAD = 12
"""Operations looked at to tell whether a number that is missing is looked for later."""


class BackwardSteps:
    """`BackwardSteps` collects the backward steps and the gaps of one text.

    `sought` holds the numbers that are sought, the target first, and for each the numbers that led from the target to
    it. A gap is the rest to the target, worked out when no number is left.
    """

    def __init__(self, operations: Sequence[Operation], start: Sequence[Holding], target: int) -> None:
        self.operations = operations
        self.start = start
        self.target = target
        self.sought: dict[Value, tuple[Value, ...]] = {target: ()}
        self.steps: list[BackwardStep] = []
        self.gaps: list[int] = []

    def role(self, index: int, here: Fit, attempt: GrowingAttempt) -> OperationRole | None:
        """Return the role of an operation that works backwards; None where it does not.

        Args:
            index: place of the operation.
            here: how its operands were found among what the attempt has at hand.
            attempt: the attempt that is under way.
        """
        operation = self.operations[index]
        if len(operation.operands) != 2 or operation.result is None:
            return None
        for place in (0, 1):
            origin, other = operation.operands[place], operation.operands[1 - place]
            if origin in self.sought and self._leads_back(operation, origin, other, attempt):
                return self._gap(index, origin, other, attempt)
        if operation.stated is not None and operation.stated in self.sought:
            return self._what_is_missing(index, here, attempt)
        return None

    def _leads_back(self, operation: Operation, origin: Value, other: Value, attempt: GrowingAttempt) -> bool:
        """Return True if the other operand is at hand, and not among the numbers that led to `origin`."""
        if origin != self.target and operation.stated is None:
            return False
        if any(holding.value == other for holding in attempt.results):
            return len(self.sought[origin]) < len(self.start)
        return not fit((other, *self.sought[origin]), self.start).missing

    def _gap(self, index: int, origin: Value, other: Value, attempt: GrowingAttempt) -> OperationRole:
        """Record what is still needed next to `other` or, with no number left, by how much the target was missed."""
        if len(attempt.holdings) == 1 and attempt.results and attempt.results[0].value == other:
            self.gaps.append(index)
            return "repeat"
        if any(self.operations[made].result == origin == self.target for _, made in attempt.derived):
            return "repeat"
        result = self.operations[index].result
        assert result is not None
        return self._seek(index, origin, result, (*self.sought[origin], other))

    def _what_is_missing(self, index: int, here: Fit, attempt: GrowingAttempt) -> OperationRole | None:
        """Read `20 * 12 = 240`, where 240 is sought and 12 is nowhere: 12 is asked for, if it is looked for later."""
        operation = self.operations[index]
        at_hand = {holding.value for holding in (*attempt.holdings, *self.start)}
        absent = [value for value in operation.operands if value not in at_hand]
        origin = operation.result
        if len(absent) != 1 or origin is None or here.missing != 1:
            return None
        following = self.operations[index + 1 : index + 1 + _MOST_AHEAD]
        if not any(later.result == absent[0] and later.operands != operation.operands for later in following):
            return None
        present = operation.operands[operation.operands[0] == absent[0]]
        return self._seek(index, origin, absent[0], (*self.sought.get(origin, ()), present))

    def _seek(self, index: int, origin: Value, goal: Value, through: tuple[Value, ...]) -> OperationRole:
        self.sought[goal] = through
        self.steps.append(BackwardStep(operation=index, origin=origin, goal=goal))
        return "backward"
