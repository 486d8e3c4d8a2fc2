"""Subgoals: numbers that a text states as a goal, as in "I need 24", "get 8 first", "aim for 25", "8 is needed"."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection

from secondthought.tasks.countdown.reading.attempts import TracedOperations
from secondthought.tasks.countdown.reading.records import Subgoal
from secondthought.tasks.expressions import MAX_DIGITS

_REACH = 64
"""Code points before a number in which it may be announced as a goal."""
_HORIZON = 10
"""Operations within which a goal must be reached: later, among hundreds of tries, it would be by chance."""
_NUMBER = re.compile(rf"(?<![\w.,])\d{{1,{MAX_DIGITS}}}+(?!\w|[.,]\d)")
_ANNOUNCED = re.compile(
    r"""\b(?:need(?:s|ed|ing)?|wants?|wanted|get|mak(?:e|ing)|getting|reach(?:ing)?|build(?:ing)?|form(?:ing)?
    |produc(?:e|ing)|obtain(?:ing)?|create|find(?:ing)?|achieve|(?:aim|look|shoot|try|hop)(?:e|ing)?\ (?:for|at)|hit
    |sub-?goal|goal|milestone|stepping\ stone|first|requires?|like|seek|arrive\ at|come\ up\ with|target)\b
    (?:(?:[\s:=*_]|,\ )+(?:is|be|to|for|at|of|a|an|the|get|make|reach|have|find|obtain|build|form|produce|create|add
    |subtract|value|number|exactly|that|us|me|about|intermediate|result|one|some|way|goal|target|subgoal|step|would|will
    |this)\b){0,6}
    (?:[\s:=*_]|,\ )*$""",
    re.VERBOSE | re.IGNORECASE,
)
_FOLLOWED = re.compile(
    r"""\ (?:is|would\ be|will\ be)\ (?:what\ (?:I|we)\ (?:need|want)|needed|required|wanted
    |(?:my|the|a|our)\ (?:first\ |next\ )?(?:sub-?goal|goal|aim))""",
    re.VERBOSE | re.IGNORECASE,
)
_OPERAND = re.compile(r"\ *[-+*/x\u00d7\u00f7]\ *\d|\ (?:numbers?|operations?|steps?|digits?|times)\b")


def subgoals(text: str, traced: TracedOperations, numbers: Collection[int], target: int) -> tuple[Subgoal, ...]:
    """Return the goals stated, each value once, and what became of them; the target and given numbers are none."""
    makers = _Makers(traced)
    derived = {step.goal: traced.operations[step.operation].start for step in reversed(traced.backward)}
    known = {target, *numbers}
    found: dict[int, Subgoal] = {}
    for match in _NUMBER.finditer(text):
        value, at = int(match.group()), match.start()
        if value in known or makers.made(value, at) or makers.inside(at, value) or _reached(found.get(value)):
            continue
        span = _stated(text, at, match.end())
        if span is None:
            continue
        reached = makers.next(value, at)
        found[value] = Subgoal(
            start=span[0],
            end=span[1],
            value=value,
            reached=reached,
            used=None if reached is None else traced.used.get(reached),
            from_backward=derived.get(value, len(text)) <= at,
        )
    return tuple(found.values())


def _reached(goal: Subgoal | None) -> bool:
    return goal is not None and goal.reached is not None


def _stated(text: str, at: int, end: int) -> tuple[int, int] | None:
    """Return the span in which the number is stated as a goal, by the words before it or after it."""
    if _OPERAND.match(text, end):
        return None
    begin = max(0, at - _REACH)
    before = _ANNOUNCED.search(text[begin:at])
    if before is not None:
        return begin + before.start(), end
    after = _FOLLOWED.match(text, end)
    return None if after is None else (at, after.end())


class _Makers:
    """`_Makers` know which operations make a value from numbers that are at hand, and when; built in one pass."""

    def __init__(self, traced: TracedOperations) -> None:
        self.operations = traced.operations
        self.by_value: dict[object, list[int]] = {}
        for index, operation in enumerate(self.operations):
            forward = traced.roles[index] == "forward" and index not in traced.foreign
            if forward and operation.result is not None:
                self.by_value.setdefault(operation.result, []).append(index)
        self.starts = [operation.start for operation in self.operations]

    def inside(self, at: int, value: int) -> bool:
        """Return True if the place lies in an operation that does not itself begin with that number as its result."""
        index = bisect_right(self.starts, at) - 1
        if index < 0 or self.operations[index].end <= at:
            return False
        operation = self.operations[index]
        return not (operation.backwards and operation.start == at and operation.stated == value)

    def made(self, value: int, at: int) -> bool:
        """Return True if the value was made before a place."""
        indices = self.by_value.get(value, [])
        return any(self.operations[index].end <= at for index in indices[:1])

    def next(self, value: int, at: int) -> int | None:
        """Return the first operation that makes the value soon after a place."""
        begin = bisect_right(self.starts, at)
        begin -= begin > 0 and self.operations[begin - 1].end > at
        made = self.by_value.get(value, [])
        place = bisect_left(made, begin)
        return made[place] if place < len(made) and made[place] < begin + _HORIZON else None
