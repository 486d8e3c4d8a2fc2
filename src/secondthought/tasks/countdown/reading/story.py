"""From the course of the operations to what is told of them: attempts and checks, each once however often repeated."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from operator import attrgetter

from secondthought.tasks.countdown.canonical import Node
from secondthought.tasks.countdown.reading.attempts import Course, Line
from secondthought.tasks.countdown.reading.checks import Verdict, true
from secondthought.tasks.countdown.reading.records import Attempt, BackwardStep, Check, Operation

_CUE = re.compile(r"check|verif|confirm|indeed|recomput|recalculat|to be sure|make sure|again:", re.IGNORECASE)
_CUE_REACH = 60
"""Code points before an operation in which a word announces that it checks something."""


def attempts(course: Course, found: Sequence[Operation], target: int, given_up: Collection[int]) -> Iterator[Attempt]:
    """The attempts in order; one that was made before in the text, or is the start of one, is marked `again`."""
    steps: dict[tuple[int, Node], int] = {}
    ends: dict[int | None, int] = {None: 0}
    for line in course.lines:
        for resumes, part in _parts(line, course, given_up):
            place, known = ends[resumes], len(steps)
            for index in part:
                place = steps.setdefault((place, course.nodes[index]), len(steps) + 1)
                ends[index] = place
            yield Attempt(
                operations=tuple(part),
                resumes=resumes,
                reached=any(found[index].result == target and found[index].holds is not False for index in part),
                again=len(steps) == known,
            )


def _parts(line: Line, course: Course, given_up: Collection[int]) -> Iterator[tuple[int | None, list[int]]]:
    """A line, cut where a result was given up and never used although others were worked out after it."""
    resumes, part = line.resumes, list[int]()
    for index in line.operations:
        if part and part[-1] in given_up and part[-1] not in course.used:
            yield resumes, part
            resumes, part = None, []
        part.append(index)
    if part:
        yield resumes, part


def checks(
    text: str, course: Course, found: Sequence[Operation], said: Mapping[int, Verdict], target: int
) -> list[Check]:
    """The checks: stated verdicts, gaps worked out, results worked out again. What was checked before is not new."""
    made: dict[Hashable, Check] = {}
    taken: set[int] = set()
    for line in course.lines:
        for group in line.repeats:
            if _rechecks(text, group, line, course, found):
                taken.update(group)
                made.setdefault(("again", course.nodes[group[-1]]), _recheck(group, found))
    for index in course.gaps:
        taken.add(index)
        operation = found[index]
        gap = Check(start=operation.start, end=operation.end, operation=index, kind="gap", holds=bool(operation.holds))
        made.setdefault(("gap", operation.operands), gap)
    sought = {step.goal for step in course.backward}
    for index, verdict in said.items():
        looked_for = not verdict.bare or verdict.wanted in sought
        if looked_for and index not in taken and course.roles[index] != "backward":
            key = ("said", course.nodes.get(index, found[index].operands), found[index].result)
            made.setdefault(key, _check(index, verdict, course, found, target))
    return sorted(made.values(), key=lambda check: (check.start, check.end))


def _check(index: int, verdict: Verdict, course: Course, found: Sequence[Operation], target: int) -> Check:
    """A judgement may be about the number that was last sought instead of the target: then that decides its truth."""
    result = found[index].result
    assert result is not None
    holds = true(verdict.claim, result, target if verdict.wanted is None else verdict.wanted)
    if not holds and verdict.kind == "judgement":
        place = bisect_left(course.backward, index, key=attrgetter("operation"))
        holds = place > 0 and true(verdict.claim, result, course.backward[place - 1].goal)
    return Check(start=verdict.start, end=verdict.end, operation=index, kind=verdict.kind, holds=holds)


def _recheck(group: Sequence[int], found: Sequence[Operation]) -> Check:
    holds = all(found[index].holds is not False for index in group)
    return Check(
        start=found[group[0]].start,
        end=found[group[-1]].end,
        operation=group[-1],
        kind="recomputation",
        holds=holds,
    )


def _rechecks(text: str, group: Sequence[int], line: Line, course: Course, found: Sequence[Operation]) -> bool:
    """True if a repeat is a check: announced as one, or worked out in another form than before.

    The same lines once more (a loop) and the bare final expression are none; nor is what the same words announced the
    first time.
    """
    first = found[group[0]]
    cue = _cue(text, group[0], found)
    if cue and not any(
        course.nodes[index] == course.nodes[group[0]] and _cue(text, index, found) == cue for index in line.operations
    ):
        return True
    claimed = {course.nodes[index]: found[index] for index in line.operations if found[index].stated is not None}
    last = course.nodes[group[-1]]
    if last not in claimed or found[group[-1]].stated is None:
        return False
    if len(group) > 1:
        return any(course.nodes[index] not in claimed for index in group)
    return first.forms > 1 and claimed[last].forms == 1


def _cue(text: str, index: int, found: Sequence[Operation]) -> str:
    """The words that announce an operation as a check, up to it; empty if there are none."""
    before, start = found[index - 1].end if index else 0, found[index].start
    cue = _CUE.search(text, max(before, start - _CUE_REACH), start)
    return "" if cue is None else text[cue.start() : start]


def distinct(course: Course) -> tuple[BackwardStep, ...]:
    """The backward steps, each once."""
    steps = {(step.origin, step.goal): step for step in reversed(course.backward)}
    return tuple(sorted(steps.values(), key=lambda step: step.operation))
