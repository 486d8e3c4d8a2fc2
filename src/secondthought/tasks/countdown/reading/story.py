"""The step from traced operations to what a `Story` tells: attempts and checks, each once however often repeated."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from operator import attrgetter

from secondthought.tasks.countdown.canonical import Node
from secondthought.tasks.countdown.reading.attempts import TracedOperations
from secondthought.tasks.countdown.reading.checks import Remark, holds
from secondthought.tasks.countdown.reading.records import Attempt, BackwardStep, Check, Operation
from secondthought.tasks.countdown.reading.state import GrowingAttempt

_CUE = re.compile(r"check|verif|confirm|indeed|recomput|recalculat|to be sure|make sure|again:", re.IGNORECASE)
_CUE_REACH = 60
"""Code points before an operation in which a word announces that it checks something."""


def attempts(traced: TracedOperations, target: int, given_up: Collection[int]) -> Iterator[Attempt]:
    """Yield the attempts in order; one that was made before in the text, or is the start of one, is marked `again`."""
    found = traced.operations
    steps: dict[tuple[int, Node], int] = {}
    ends: dict[int | None, int] = {None: 0}
    for grown in traced.attempts:
        for resumes, part in _parts(grown, traced, given_up):
            place, known = ends[resumes], len(steps)
            for index in part:
                place = steps.setdefault((place, traced.nodes[index]), len(steps) + 1)
                ends[index] = place
            yield Attempt(
                operations=tuple(part),
                resumes=resumes,
                reached=any(found[index].result == target and found[index].holds is not False for index in part),
                again=len(steps) == known,
            )


def _parts(
    grown: GrowingAttempt, traced: TracedOperations, given_up: Collection[int]
) -> Iterator[tuple[int | None, list[int]]]:
    """Cut an attempt where a result was given up and never used although others were worked out after it."""
    resumes, part = grown.resumes, list[int]()
    for index in grown.operations:
        if part and part[-1] in given_up and part[-1] not in traced.used:
            yield resumes, part
            resumes, part = None, []
        part.append(index)
    if part:
        yield resumes, part


def checks(text: str, traced: TracedOperations, remarks: Mapping[int, Remark], target: int) -> list[Check]:
    """Return the checks: results worked out again, gaps worked out, remarks. What was checked before is not new."""
    made: dict[Hashable, Check] = {}
    taken: set[int] = set()
    for grown in traced.attempts:
        for group in grown.repeats:
            if _rechecks(text, group, grown, traced):
                taken.update(group)
                made.setdefault(("again", traced.nodes[group[-1]]), _recheck(group, traced.operations))
    for index in traced.gaps:
        taken.add(index)
        operation = traced.operations[index]
        gap = Check(start=operation.start, end=operation.end, operation=index, kind="gap", holds=bool(operation.holds))
        made.setdefault(("gap", operation.operands), gap)
    sought = {step.goal for step in traced.backward}
    for index, remark in remarks.items():
        looked_for = not remark.bare or remark.wanted in sought
        if looked_for and index not in taken and traced.roles[index] != "backward":
            operation = traced.operations[index]
            key = ("said", traced.nodes.get(index, operation.operands), operation.result)
            made.setdefault(key, _check(index, remark, traced, target))
    return sorted(made.values(), key=lambda check: (check.start, check.end))


def _check(index: int, remark: Remark, traced: TracedOperations, target: int) -> Check:
    """Turn a remark into a check; the number that was last sought, not the target, may decide a judgement's truth."""
    result = traced.operations[index].result
    assert result is not None
    is_true = holds(remark.claim, result, target if remark.wanted is None else remark.wanted)
    if not is_true and remark.kind == "judgement":
        place = bisect_left(traced.backward, index, key=attrgetter("operation"))
        is_true = place > 0 and holds(remark.claim, result, traced.backward[place - 1].goal)
    return Check(start=remark.start, end=remark.end, operation=index, kind=remark.kind, holds=is_true)


def _recheck(group: Sequence[int], found: Sequence[Operation]) -> Check:
    return Check(
        start=found[group[0]].start,
        end=found[group[-1]].end,
        operation=group[-1],
        kind="recomputation",
        holds=all(found[index].holds is not False for index in group),
    )


def _rechecks(text: str, group: Sequence[int], grown: GrowingAttempt, traced: TracedOperations) -> bool:
    """Return True if a repeat is a check: announced as one, or worked out in another form than before.

    The same lines once more (a loop) and the bare final expression are none; nor is what the same words announced the
    first time.
    """
    found, nodes = traced.operations, traced.nodes
    first, last = group[0], group[-1]
    cue = _cue(text, first, found)
    if cue and not any(nodes[index] == nodes[first] and _cue(text, index, found) == cue for index in grown.operations):
        return True
    claimed = {nodes[index]: found[index] for index in grown.operations if found[index].stated is not None}
    if nodes[last] not in claimed or found[last].stated is None:
        return False
    if len(group) > 1:
        return any(nodes[index] not in claimed for index in group)
    return found[first].forms > 1 and claimed[nodes[last]].forms == 1


def _cue(text: str, index: int, found: Sequence[Operation]) -> str:
    """Return the words that announce an operation as a check, up to it; empty if there are none."""
    before, start = found[index - 1].end if index else 0, found[index].start
    cue = _CUE.search(text, max(before, start - _CUE_REACH), start)
    return "" if cue is None else text[cue.start() : start]


def distinct_steps(traced: TracedOperations) -> tuple[BackwardStep, ...]:
    """Return the backward steps, each once."""
    steps = {(step.origin, step.goal): step for step in reversed(traced.backward)}
    return tuple(sorted(steps.values(), key=lambda step: step.operation))
