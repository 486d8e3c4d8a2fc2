"""Reflections on a failed Countdown attempt that nobody sampled: they name the mistake and a first operation to take.

`oracle_reflection` names an operation from which the target can be reached, `contrary_reflection` one from which it
cannot, `general_reflection` none. The shipped models' corpus is written with the same sentences, so an oracle and a
model's own reflection differ in what they say and not in how; a larger model reads them as plain English.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from secondthought.tasks import expressions, extract
from secondthought.tasks.countdown import solver
from secondthought.tasks.countdown.solver import Step

FailureKind: TypeAlias = Literal["unreadable", "foreign", "reused", "left_out", "slip", "missed"]
"""No answer could be read; a number that is not given; one used too often; one not used; wrong working; wrong value."""

PROPOSALS = ("Start with {step}.", "Try {step} first.", "Begin with {step}.")
"""Ways to propose a first operation; the oracle takes the first."""
GENERAL_REFLECTION = (
    "I should read the task again, check every step and every condition, and write the final answer in the form that"
    " was asked for."
)
"""The text of the evaluation's control with one fixed reflection."""

_LARGE = 200
"""Results above it count as unnatural: the shipped models write them digit by digit."""
_WORKING = re.compile(r"(?<![-+*/(\d.])(?<![-+*/(] )(\d{1,9}) ?([-+*/]) ?(\d{1,9}) ?= ?(\d{1,9})(?![\d.])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A `Mistake` is what is wrong with an attempt: its kind, and one sentence that says so."""

    kind: FailureKind
    text: str


def diagnose(numbers: tuple[int, ...], target: int, attempt: str) -> Mistake | None:
    """Find the first mistake of an attempt; None if it is right.

    Wrong numbers come before wrong working, and wrong working before a wrong value: the earlier explains the later.

    >>> diagnose((3, 7, 8), 31, "8*3=24<answer>8*3</answer>").text
    'I left out 7.'
    >>> diagnose((3, 7, 8), 32, "8*3=25,25+7=32<answer>8*3+7</answer>").text
    '8*3 is 24, not 25.'
    """
    answer = extract.answer(attempt, bare_box=True)
    try:
        expression = expressions.parse(answer.text, latex=answer.boxed) if answer else None
    except expressions.MalformedError:
        expression = None
    if expression is None:
        return Mistake(kind="unreadable", text="I gave no clear answer.")
    value = expression.value
    found = _wrong_numbers(numbers, expression.numbers)
    if found is None and value != target:
        found = _slip(attempt) or Mistake(kind="missed", text=missed_text(value, target))
    return found


def oracle_reflection(numbers: tuple[int, ...], target: int, attempt: str) -> str | None:
    """Write what went wrong and an operation from which the target can be reached; None where there is none.

    >>> oracle_reflection((3, 7, 8), 31, "7*3=21,21+8=29<answer>7*3+8</answer>")
    'I got 29, not 31. Start with 8*3.'
    """
    return _reflection(numbers, target, attempt, solver.first_steps(tuple(sorted(numbers)), target))


def contrary_reflection(numbers: tuple[int, ...], target: int, attempt: str) -> str | None:
    """Write the oracle's form with an operation from which the target is out of reach; None where there is none."""
    return _reflection(numbers, target, attempt, solver.dead_steps(tuple(sorted(numbers)), target))


def general_reflection() -> str:
    """Return one fixed piece of advice without any number."""
    return GENERAL_REFLECTION


def step_text(step: Step) -> str:
    """Write an operation, the larger number first where order does not matter.

    >>> step_text((3, "*", 8)), step_text((3, "-", 8))
    ('8*3', '3-8')
    """
    a, operator, b = step
    return f"{max(a, b)}{operator}{min(a, b)}" if operator in "+*" else f"{a}{operator}{b}"


def missed_text(value: object, target: int) -> str:
    """Return the sentence about a wrong value; None is a division by zero."""
    return f"I got {value}, not {target}." if value is not None else "I divided by 0."


def _reflection(numbers: tuple[int, ...], target: int, attempt: str, steps: Iterable[Step]) -> str | None:
    best = min(steps, key=lambda step: _unnatural(step, target), default=None)
    if best is None:
        return None
    found = diagnose(numbers, target, attempt)
    proposal = PROPOSALS[0].format(step=step_text(best))
    return f"{found.text} {proposal}" if found else proposal


def _unnatural(step: Step, target: int) -> tuple[bool, bool, int, str]:
    """Rank a step: whole and not negative before others, then not large, then near the target; text breaks ties."""
    result = solver.operate((step[0], 1), step[1], (step[2], 1))
    text = step_text(step)
    if result is None or result[1] != 1 or result[0] < 0:
        return True, True, 0, text
    return False, result[0] > _LARGE, abs(result[0] - target), text


def _wrong_numbers(numbers: tuple[int, ...], used: list[int]) -> Mistake | None:
    given, taken = Counter(numbers), Counter(used)
    for number in taken:
        if number not in given:
            return Mistake(kind="foreign", text=f"There is no {number}.")
    for number in taken:
        if taken[number] > given[number]:
            often = "twice" if taken[number] == 2 else "too often"
            return Mistake(kind="reused", text=f"I used {number} {often}.")
    left = sorted((given - taken).elements())
    return Mistake(kind="left_out", text=f"I left out {left[0]}.") if left else None


def _slip(attempt: str) -> Mistake | None:
    """Find the first operation in the working whose stated result is wrong."""
    for match in _WORKING.finditer(attempt[: 2 * expressions.MAX_CHARS]):
        a, operator, b, stated = match.groups()
        value = expressions.parse(f"{int(a)}{operator}{int(b)}").value
        if value != int(stated):
            right = "undefined" if value is None else value
            return Mistake(kind="slip", text=f"{a}{operator}{b} is {right}, not {int(stated)}.")
    return None
