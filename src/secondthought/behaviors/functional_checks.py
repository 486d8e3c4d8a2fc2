"""What a text says of its results: compared with the target, or judged in words, and whether that is true.

Structure comes first: what counts is a result followed at once by the target (its number, or "the target") with a
comparison between them. A short list of judgements ("too high", "works", "correct") helps where the target is
not named. Words that only give an attempt up ("no good", "that does not work") compare nothing and are no check.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from secondthought.behaviors.functional_records import CheckKind, Operation, Value

Claim: TypeAlias = Literal["equal", "unequal", "less", "more", "near"]

_REACH = 80
"""Code points after a result in which it may be checked."""
_FILLER = (
    r"(?:\W|\b(?:to|the|our|my|what|we|i|wanted|value|number|a|of|than|from|at|exactly|required|desired|needed|final)\b)"
    r"{0,8}"
)
_CLAIM = re.compile(
    rf"""(?:
    (?P<unequal>\bnot\b|n't|!=|\u2260|\\neq?\b|=/=|<>|\binstead\ of|\brather\ than|\bunlike|\bdiffers?\ from
      |\bmiss(?:es|ed|ing)?\b
      |\b(?:away|off)\b)
    |(?P<less><|\b(?:short|shy|less|lower|smaller|fewer)\b|\bbelow\b|\bunder\b|\bbeneath\b)
    |(?P<more>>|\b(?:more|larger|bigger|higher|greater)\ than|\babove\b|\bover\b|\bbeyond\b|\bpast\b
      |\bexceed(?:s|ed|ing)?\b
      |\bovershoots?\b)
    |(?P<near>\bclose\b|\bcloser\b|\bnear\b|\bnearly\b|\balmost\b|\bv(?:ersu)?s\b\.?|\bcompared?\b)
    |(?P<equal>\bmatch(?:es|ed|ing)?\b|\bequals?\b|\bequal\ to\b|\bhits?\b|\breaches\b|\bexactly\b|\bindeed\b
      |==|\u2713|\bsame\ as\b)
    ){_FILLER}$""",
    re.VERBOSE | re.IGNORECASE,
)
_WANTED = re.compile(
    r"\b(?:want\w*|need\w*|target|goal|aim\w*|should be|supposed to be|looking for|but)\b[^.\n]{0,16}$", re.I
)
_ANSWER = re.compile(
    r"^\W{0,3}(?:(?P<equal>yes\b|ok\b|okay\b|good\b|done\b|\u2713|\u2705|check\b|correct\b)"
    r"|(?P<unequal>no\b|not\b|but\b|\u2717|\u274c))",
    re.I,
)
_TARGET = re.compile(r"\d+(?:[.,]\d+)*|\b(?:target|goal)\b", re.I)
_IS_TARGET = re.compile(
    r"^[^\w]{0,4}(?:(?:and |which |that|this|it)(?:'s| is)? ?)*(?:is |exactly )*(?:the|our|my) $", re.I
)
_MET = re.compile(r"^ (?:is |was |has been )?(?:reached|hit|met|achieved|found|made)\b", re.I)
_JUDGED = re.compile(
    r"""^[\s\W]{0,8}(?:(?:so|and|but|which|that|this|it|result|the|still|way|far|much|a|bit|little|slightly
      |just|also|is|was|looks?|seems
    |[a-z]+'s|now|again|only)\b[\s,:]*){0,6}(?:
    (?P<more>too\ (?:high|big|large|much|great|many)|overshoots?\b)
    |(?P<less>too\ (?:low|small|little|few|short)|not\ (?:high|big|large)?\ ?enough|undershoots?\b)
    |(?P<near>(?:not\ |very\ |quite\ |pretty\ |so\ |getting\ |real(?:ly)?\ )*close(?:r|st)?\b(?!\ to\ (?!the|our|my))
      |almost|nearly)
    |(?P<unequal>not\ (?:right|correct|equal|it\b|a\ match|what\ (?:we|i)|quite)|incorrect|wrong|(?:doesn't
      |does\ not|didn't)\ (?:match|equal|hit)
      |off\ by|\u2717|\u274c|\u2718)
    |(?P<equal>works\b|correct\b|right\b|perfect\b|bingo\b|yes\b|matches\b|\u2713|\u2705|\u2714|good!|great!
      |success|exactly\ (?:right|what)|solved)
    )""",
    re.VERBOSE | re.IGNORECASE,
)


class Verdict(NamedTuple):
    """What is said of one operation's result."""

    start: int
    end: int
    kind: CheckKind
    claim: Claim


def verdicts(text: str, operations: Sequence[Operation], target: int) -> Mapping[int, Verdict]:
    """What is said of each operation of which something is said, by index."""
    found: dict[int, Verdict] = {}
    for index, operation in enumerate(operations):
        following = operations[index + 1].start if index + 1 < len(operations) else len(text)
        tail = text[operation.end : min(following, operation.end + _REACH)].split("\n\n")[0]
        if operation.result is None or len(tail) < 2:
            continue
        verdict = _compared(tail, operation, target) or _judged(tail, operation)
        if verdict is not None:
            found[index] = verdict
    return found


def _compared(tail: str, operation: Operation, target: int) -> Verdict | None:
    for match in _TARGET.finditer(tail):
        named = match.group()
        if named[0].isdigit() and named.replace(",", "") != str(target):
            continue
        claim = _claim(tail[: match.start()], tail[match.end() :], named)
        if claim is not None:
            return Verdict(operation.start, operation.end + match.end(), "comparison", claim)
    return None


def _claim(before: str, after: str, named: str) -> Claim | None:
    match = _CLAIM.search(before[-60:])
    if match is not None:
        return match.lastgroup  # type: ignore[return-value]
    if not named[0].isdigit() and (_IS_TARGET.search(before) or _MET.match(after)):
        return "equal"
    if _WANTED.search(before) or not named[0].isdigit():
        answer = _ANSWER.match(after)
        if answer is not None:
            return answer.lastgroup  # type: ignore[return-value]
    return None


def _judged(tail: str, operation: Operation) -> Verdict | None:
    match = _JUDGED.match(tail)
    if match is None:
        return None
    claim: Claim = match.lastgroup  # type: ignore[assignment]
    return Verdict(operation.start, operation.end + match.end(), "judgement", claim)


def true(claim: Claim, result: Value, wanted: Value) -> bool:
    """True if what is claimed of a result holds against the number that was wanted.

    >>> true("less", 31, 32), true("equal", 31, 32), true("near", 31, 32)
    (True, False, True)
    """
    if claim == "equal":
        return result == wanted
    if claim == "less":
        return result < wanted
    return result > wanted if claim == "more" else result != wanted
