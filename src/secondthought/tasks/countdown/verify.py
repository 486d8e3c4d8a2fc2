"""The judge of a Countdown answer: every number exactly once, exact value, five possible verdicts.

Total and bounded: any text gets one of the verdicts below, in time linear in its length, and nothing is executed.
"""

from __future__ import annotations

from collections.abc import Sequence

from secondthought.tasks import expressions, extract
from secondthought.tasks.countdown.prompts import AnswerFormat
from secondthought.types import Verdict

CORRECT = Verdict(correct=True, reward=1.0, reason="correct", well_formed=True)
NO_ANSWER = Verdict(correct=False, reward=0.0, reason="no_answer", well_formed=False)
"""No closed tag (or, in the boxed format, no balanced box)."""
MALFORMED = Verdict(correct=False, reward=0.0, reason="malformed", well_formed=False)
"""An answer that is no expression of the grammar."""
WRONG_NUMBERS = Verdict(correct=False, reward=0.0, reason="wrong_numbers", well_formed=True)
"""A number is left out, used twice, or not among the given ones."""
MISSED_TARGET = Verdict(correct=False, reward=0.0, reason="missed_target", well_formed=True)
"""The right numbers, but another value, or none (a division by zero)."""

VERDICTS = (CORRECT, NO_ANSWER, MALFORMED, WRONG_NUMBERS, MISSED_TARGET)


def verify(numbers: Sequence[int], target: int, text: str, answer_format: AnswerFormat = "answer") -> Verdict:
    """Judge one completion.

    >>> verify((3, 7, 12), 24, "<answer> (7 - 3) * 12 </answer>").reason
    'missed_target'
    >>> verify((2, 3, 4), 24, "so <answer>2 * 3 * 4</answer>").correct
    True
    """
    answer = extract.answer(text, bare_box=answer_format == "boxed")
    if answer is None:
        return NO_ANSWER
    try:
        expression = expressions.parse(answer.text, latex=answer.boxed)
    except expressions.MalformedError:
        return MALFORMED
    return judge(numbers, target, expression)


def judge(numbers: Sequence[int], target: int, expression: expressions.Expression) -> Verdict:
    """Judge an expression that could be read."""
    if sorted(expression.numbers) != sorted(numbers):
        return WRONG_NUMBERS
    if expression.denominator and expression.numerator == target * expression.denominator:
        return CORRECT
    return MISSED_TARGET
