"""Numbers that a text states as a goal: "I need 24", "get 8 first", "goal: 24", "aim for 25", "8 is needed"."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence

from secondthought.behaviors.functional_records import BackwardStep, Operation, Role, Subgoal
from secondthought.tasks.expressions import MAX_DIGITS

_NUMBER = rf"(?P<{{}}>\d{{{{1,{MAX_DIGITS}}}}}+)(?![\d\w]|[.,]\d)"
_BEFORE = _NUMBER.format("before")
_AFTER = _NUMBER.format("after")
_GOAL = re.compile(
    rf"""\b(?:
    (?:need|want|get|make|making|getting|reach|reaching|build|building|form|forming|produce|obtain|create
      |find|finding|achieve
    |aim(?:ing)?\ (?:for|at)|look(?:ing)?\ for|shoot(?:ing)?\ for|try(?:ing)?\ for|hit|sub-?goal|goal
      |milestone|stepping\ stone
    |first|require|like|seek|arrive\ at|come\ up\ with)\b
    (?:(?:[\ :=*_]|,\ )+(?:(?:is|be|to|for|at|of|a|an|the|get|make|reach|have|find|obtain|build|form|produce
      |create|add|subtract
    |value|number|exactly|that|us|me|about|intermediate|result|one|some|way|goal|target|subgoal
      |step)\b(?:[\ :=*_]|,\ )*){{0,5}})
    {_BEFORE}(?!\ *[-+*/x\u00d7\u00f7]\ *\d)(?!\ (?:numbers?|operations?|steps?|digits?|times|and\ \d|or\ \d))
    |{_AFTER}\ (?:is|would\ be|will\ be)\ (?:what\ (?:I|we)\ (?:need|want)|needed|required|wanted|(?:my|the|a
      |our)\ (?:first\ |next\ )?
    (?:sub-?goal|goal|aim))
    )""",
    re.VERBOSE | re.IGNORECASE,
)


def subgoals(
    text: str,
    operations: Sequence[Operation],
    roles: Sequence[Role],
    numbers: Collection[int],
    target: int,
    backward: Sequence[BackwardStep],
    used: Mapping[int, int],
) -> tuple[Subgoal, ...]:
    """The goals stated, each value once, and what became of them."""
    makers = _Makers(operations, roles)
    derived = {step.goal: operations[step.operation].start for step in reversed(backward)}
    found: dict[int, Subgoal] = {}
    for match in _GOAL.finditer(text):
        group = "before" if match["before"] else "after"
        value, at = int(match[group]), match.start(group)
        if value == target or value in numbers or makers.inside(at, value):
            continue
        if makers.made(value, at) or (value in found and found[value].reached is not None):
            continue
        reached = makers.next(value, at)
        found[value] = Subgoal(
            start=match.start(),
            end=match.end(),
            value=value,
            reached=reached,
            used=None if reached is None else used.get(reached),
            from_backward=derived.get(value, len(text)) <= at,
        )
    return tuple(found.values())


class _Makers:
    """Which operations make a value, and when; built in one pass."""

    def __init__(self, operations: Sequence[Operation], roles: Sequence[Role]) -> None:
        self.operations = operations
        self.by_value: dict[object, list[int]] = {}
        for index, operation in enumerate(operations):
            if roles[index] == "forward" and operation.result is not None:
                self.by_value.setdefault(operation.result, []).append(index)
        self.starts = [operation.start for operation in operations]

    def inside(self, at: int, value: int) -> bool:
        """True if the place lies in an operation that does not itself begin with that number as its result."""
        index = bisect_right(self.starts, at) - 1
        if index < 0 or self.operations[index].end <= at:
            return False
        operation = self.operations[index]
        return not (operation.backwards and operation.start == at and operation.stated == value)

    def made(self, value: int, at: int) -> bool:
        """True if the value was there before."""
        indices = self.by_value.get(value)
        return bool(indices) and self.operations[indices[0]].end <= at

    def next(self, value: int, at: int) -> int | None:
        """The first operation at or after a place that makes the value."""
        return next((index for index in self.by_value.get(value, ()) if self.operations[index].end > at), None)
