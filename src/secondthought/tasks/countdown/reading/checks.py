"""Remarks about results: what a text says of them, compared with the target or judged in words, and if that is true.

Structure comes first: what counts is a result followed at once by the target (its number, or "the target") with a
comparison between them. A short list of judgements ("too high", "works", "correct") helps where the target is
not named. Words that only give an attempt up ("no good", "that does not work") compare nothing and are no check.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from secondthought.tasks.countdown.reading import phrases
from secondthought.tasks.countdown.reading.records import CheckKind, Operation, Value

ClaimKind: TypeAlias = Literal["equal", "unequal", "less", "more", "near"]

_REACH = 80
"""Code points after a result in which it may be checked."""
_TARGET = re.compile(r"\d+(?:[.,]\d+)*|\b(?:target|goal)\b", re.I)


class Remark(NamedTuple):
    """A `Remark` is what a text says of one operation's result.

    `wanted` is the number that it is compared with, None for the target. `bare` says that no word tells why that number
    is wanted ("want 18: no"), so that it must have been looked for.
    """

    start: int
    end: int
    kind: CheckKind
    claim: ClaimKind
    wanted: int | None = None
    bare: bool = False


def remarks(text: str, operations: Sequence[Operation], target: int) -> Mapping[int, Remark]:
    """Return the remarks on operations, by the operation's place; on most there is none."""
    found: dict[int, Remark] = {}
    for index, operation in enumerate(operations):
        following = operations[index + 1].start if index + 1 < len(operations) else len(text)
        tail = text[operation.end : min(following, operation.end + _REACH)].split("\n\n")[0]
        if operation.result is None or len(tail) < 2:
            continue
        remark = _remark(tail, operation, target)
        if remark is not None:
            found[index] = remark
    return found


def _remark(tail: str, operation: Operation, target: int) -> Remark | None:
    """Read what a text says right after a result, or after naming it again ("That is 33, ...")."""
    echo = phrases.ECHO.match(tail)
    named_again = echo is not None and int(echo["number"]) == operation.result
    for begin in (0, echo.end()) if echo is not None and named_again else (0,):
        remark = (
            _compared(tail, begin, operation, target)
            or _judged(tail, begin, operation, target)
            or _needed(tail, begin, operation)
        )
        if remark is not None:
            return remark
    return None


def _compared(tail: str, begin: int, operation: Operation, target: int) -> Remark | None:
    """Read a comparison of the result with the target."""
    for match in _TARGET.finditer(tail, begin):
        named = match.group()
        if named[0].isdigit() and named.replace(",", "") != str(target):
            continue
        claim = _claim(tail[begin : match.start()], tail[match.end() :], named, operation.result == target)
        if claim is not None:
            return Remark(operation.start, operation.end + match.end(), "comparison", claim)
    return None


def _claim(before: str, after: str, named: str, is_target: bool) -> ClaimKind | None:
    """Read the claim that lies in naming the target between `before`, which begins at the result, and `after`."""
    match = phrases.CLAIM.search(before[-60:])
    if match is not None:
        return match.lastgroup  # type: ignore[return-value]
    in_words = not named[0].isdigit()
    if in_words and (phrases.MET.match(after) or _is_target(before, after)):
        return "equal"
    if is_target and phrases.MET_NUMBER.match(after):
        return "equal"
    if not in_words and phrases.CONTRAST.search(before):
        return "unequal"
    answer = phrases.ANSWER.match(after) if in_words or phrases.WANTED.search(before) else None
    answer = answer or phrases.QUESTION.match(after)
    return None if answer is None else answer.lastgroup  # type: ignore[return-value]


def _is_target(before: str, after: str) -> bool:
    return bool(phrases.IS_TARGET.search(before)) and not phrases.NAMES_IT.match(after)


def _judged(tail: str, begin: int, operation: Operation, target: int) -> Remark | None:
    """Read a judgement of the result in words."""
    match, claim = phrases.JUDGED.match(tail[begin:]), None
    if match is not None:
        claim = match.lastgroup
    elif operation.result == target:
        match, claim = phrases.FOUND.match(tail[begin:]), "equal"
    if match is None:
        return None
    return Remark(operation.start, operation.end + begin + match.end(), "judgement", claim)  # type: ignore[arg-type]


def _needed(tail: str, begin: int, operation: Operation) -> Remark | None:
    """Read a comparison with a number that was needed on the way."""
    rest = tail[begin:]
    match = phrases.OTHER_NUMBER.match(rest) or (phrases.IS_NOT.match(rest) if begin else None)
    if match is None:
        return None
    groups = match.groupdict()
    bare = groups.get("answered")
    wanted = int(bare or groups["needed"] or groups["missed"])
    claim: ClaimKind = "equal" if groups.get("equal") else "unequal"
    return Remark(operation.start, operation.end + begin + match.end(), "comparison", claim, wanted, bare is not None)


def holds(claim: ClaimKind, result: Value, wanted: Value) -> bool:
    """Return True if what is claimed of a result holds against the number that was wanted.

    >>> holds("less", 31, 32), holds("equal", 31, 32), holds("near", 31, 32)
    (True, False, True)
    """
    if claim == "equal":
        return result == wanted
    if claim == "less":
        return result < wanted
    return result > wanted if claim == "more" else result != wanted
