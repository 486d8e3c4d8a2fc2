"""The short wording of plans, in the few words that the organisms know: every number and word is one token.

The target is written beside the result that is compared with it, since models of this size compare neighbours only
(docs/lab-log.md).
"""

from __future__ import annotations

from secondthought.tasks.countdown.writing.moves import bracketed
from secondthought.tasks.countdown.writing.plans import Dials, PlannedAttempt, ThoughtPlan

WORDS = "<think>first get 1: instead: back to 1: want 1: need 1: yes. no. 1=1, 1.</think>"
"""Text that holds every piece of these sentences, for the tokenizer."""
LARGEST = 200
"""The largest number that is one token."""
DIALS = Dials(
    correct=0.18,
    attempts=(0.0, 0.55, 0.3, 0.15),
    largest=LARGEST,
    chained=True,
    back=0.5,
    subgoal_moves=1,
    within_reach=0.8,
)
"""Dials for models of half a million parameters: short lines and thoughts, subgoals of one move, and right answers as
rarely as in the bases' own corpus: a model that is shown more of them than it can find learns to say yes to
anything."""


def short(plan: ThoughtPlan) -> str:
    """Write the thought and the answer.

    >>> from secondthought.tasks.countdown.writing.moves import Move
    >>> attempt = PlannedAttempt(line=(Move(8, "*", 3, 24), Move(24, "+", 7, 31), Move(31, "-", 2, 29)))
    >>> short(ThoughtPlan(numbers=(2, 3, 7, 8), target=29, attempts=(attempt,), behaviors=frozenset()))
    '<think>8*3=24, 24+7=31, 31-2=29.</think><answer>((8*3)+7)-2</answer>'
    """
    return f"<think>{thought(plan)}</think>{answer(plan)}"


def answer(plan: ThoughtPlan) -> str:
    """Write the marked answer, with a bracket around every inner operation."""
    return f"<answer>{bracketed(plan.answer)}</answer>"


def thought(plan: ThoughtPlan) -> str:
    """Write what stands between the tags."""
    parts = []
    for place, attempt in enumerate(plan.attempts):
        is_last = place == len(plan.attempts) - 1
        parts.append(_lead(attempt, place) + _aim(attempt, plan.target) + _played(attempt, plan, is_last))
    return " ".join(parts)


def _lead(attempt: PlannedAttempt, place: int) -> str:
    if place == 0:
        return ""
    return f"back to {attempt.line[attempt.kept - 1].result}: " if attempt.kept else "instead: "


def _aim(attempt: PlannedAttempt, target: int) -> str:
    if attempt.subgoal is not None:
        return f"first get {attempt.subgoal}: "
    if attempt.backward:
        return f"want {target}: {attempt.backward.working}, need {attempt.backward.result}: "
    return ""


def _played(attempt: PlannedAttempt, plan: ThoughtPlan, is_last: bool) -> str:
    """Write the moves, and the comparison where the thought compares."""
    compares = "verification" in plan.behaviors
    if attempt.backward and attempt.result != plan.target and not is_last:
        # What was needed was not made, so the last number is not used.
        ends = f", need {attempt.backward.result}: no." if compares else "."
        return ", ".join(move.working for move in attempt.fresh[:-1]) + ends
    text = ", ".join(move.working for move in attempt.fresh)
    if not (compares and plan.complete(attempt)):
        return f"{text}."
    return f"{text}, want {plan.target}: {'yes' if attempt.result == plan.target else 'no'}."
