"""The verdicts of tasks whose answer is right or wrong, and nothing between."""

from __future__ import annotations

from secondthought.types import Verdict


def on_answer(correct: bool | None) -> Verdict:
    """Return the verdict on an answer that is right or wrong; None where there is no answer to be read.

    >>> on_answer(True).reward, on_answer(False).reason, on_answer(None).reason
    (1.0, 'wrong', 'no_answer')
    """
    if correct is None:
        return Verdict(correct=False, reward=0.0, reason="no_answer", well_formed=False)
    return Verdict(correct=correct, reward=float(correct), reason="correct" if correct else "wrong", well_formed=True)


def right() -> Verdict:
    """Return the verdict on an answer that is right."""
    return on_answer(True)


def wrong(reason: str, feedback: str, *, well_formed: bool = True) -> Verdict:
    """Return the verdict on an answer that is wrong, with the sentence that says why."""
    return Verdict(correct=False, reward=0.0, reason=reason, well_formed=well_formed, feedback=feedback)
