"""What retries did with a reflection, control by control: said something else, became right, or copied.

A model can gain by a retry without any use of its reflection: it draws again, or hears that it was wrong. So own
reflections have *bars* to pass: a second sample of the first try, one fixed reflection for all, and the model's own on
another problem. A model may learn a sentence that makes any retry better (asking for the task once more, say); it then
passes the first two, and not the last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secondthought.evaluate import overlap
from secondthought.evaluate.controls import Outcome, listening
from secondthought.evaluate.quality import Reflected, repeats_task, repeats_try
from secondthought.protocols import Task
from secondthought.stats import Interval, to_json, wilson
from secondthought.tasks.abilities import AnswerReader
from secondthought.types import Failure, Problem

BARS = ("second_sample", "fixed", "shuffled")
"""Controls that own reflections must beat before it can be said that a reflection is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """A `Retried` sums up the retries under one control; shares are of retries, or of reflections."""

    right: Interval
    changed: Interval
    """The answer is another than the failed try's."""
    right_if_changed: Interval
    """Right, of those that changed."""
    repeats_task: Interval
    """Reflections that are mostly copied from the problem."""
    repeats_try: Interval
    """Reflections in which the failed try stands again."""

    def to_json(self) -> dict[str, Any]:
        """Return the object that files and `--json` hold."""
        return to_json({name: getattr(self, name) for name in self.__dataclass_fields__})


def retried(task: Task, tries: Sequence[Failure], outcomes: Mapping[str, Sequence[Outcome]]) -> dict[str, Retried]:
    """Sum up the retries of each control.

    Args:
        task: reads answers where it can, so that two wordings of one answer are no change.
        tries: the first tries that the retries followed.
        outcomes: the retries, by control.
    """
    first = {item.problem.id: item for item in tries}
    return {
        name: _retried(task, [(first[item.problem_id], item) for item in items]) for name, items in outcomes.items()
    }


def _retried(task: Task, pairs: Sequence[tuple[Failure, Outcome]]) -> Retried:
    other = [
        (is_other_answer(task, before.problem, before.attempt.completion.text, after.text), after.verdict.correct)
        for before, after in pairs
    ]
    said = [_reflected(before, after.reflection) for before, after in pairs if after.reflection is not None]
    return Retried(
        right=_share([right for _, right in other]),
        changed=_share([changed for changed, _ in other]),
        right_if_changed=_share([right for changed, right in other if changed]),
        repeats_task=_share([repeats_task(item) for item in said]),
        repeats_try=_share([repeats_try(item) for item in said]),
    )


def is_other_answer(task: Task, problem: Problem, one: str, other: str) -> bool:
    """Tell whether two completions answer differently: by what the task reads, else by their words."""
    if isinstance(task, AnswerReader):
        answers = task.answer(problem, one), task.answer(problem, other)
        if answers != (None, None):
            return answers[0] != answers[1]
    return overlap.plain(one) != overlap.plain(other)


def _reflected(before: Failure, reflection: str) -> Reflected:
    verdict = before.attempt.verdict
    return Reflected(
        problem=before.problem,
        attempt=before.attempt.completion.text,
        reason=verdict.reason if verdict else "",
        text=reflection,
        num_tokens=0,
    )


def _share(holds: Sequence[bool]) -> Interval:
    return wilson(sum(holds), len(holds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """`Bars` are how far retries after own reflections lie above each bar, in paired differences."""

    above: Mapping[str, Interval]

    @property
    def are_passed(self) -> bool:
        """Return True if own reflections lie surely above all bars."""
        return bool(self.above) and all(gap.low > 0 for gap in self.above.values())

    def to_json(self) -> dict[str, Any]:
        """Return the object that files and `--json` hold."""
        return {"above": to_json(self.above), "passed": self.are_passed, "says": self.says()}

    def says(self) -> str:
        """Return in a sentence whether own reflections do more than drawing again or any reflection would."""
        if not self.above:
            return "No failed first try was retried, so nothing can be said of reflections."
        gaps = ", ".join(f"{_points(gap)} against {_NAMES[name]}" for name, gap in self.above.items())
        if self.are_passed:
            return f"Own reflections help by what they say: retries after them are right more often ({gaps})."
        others = [gap for name, gap in self.above.items() if name != "shuffled"]
        if "shuffled" in self.above and others and all(gap.low > 0 for gap in others):
            return (
                "Own reflections help, but it is not shown that they do by what they say of the failure: one on another"
                f" problem may do as well ({gaps})."
            )
        surely = [_NAMES[name] for name, gap in self.above.items() if gap.high < 0]
        if surely:
            less = f"retries after them are right less often than {' and '.join(surely)}"
            return f"Own reflections do harm: {less} ({gaps})."
        return f"Own reflections do not pass the bars: it is not shown that they do more than each of them ({gaps})."


_NAMES = {
    "second_sample": "a second sample",
    "fixed": "one fixed reflection",
    "shuffled": "its own on another problem",
}


def bars(outcomes: Mapping[str, Sequence[Outcome]]) -> Bars:
    """Compare own reflections with each bar on the failures that both retried."""
    gaps = {name: listening(outcomes, good="own", bad=name) for name in BARS}
    return Bars(above={name: gap for name, gap in gaps.items() if gap.is_defined})


def _points(gap: Interval) -> str:
    return f"{100 * gap.estimate:+.1f} points [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}]"
