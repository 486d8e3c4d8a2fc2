"""Compare two policies, pair by pair, on the same problems: by how much, how sure, and could it be chance.

How sure is Tango's interval (`stats.paired_difference`), whether it could be chance McNemar's exact test. Both look at
nothing but the problems on which the policies differ. The test is exact and a little stricter: where few problems
differ, the interval may leave out zero by a little while p is above .05.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secondthought.errors import RunError
from secondthought.evaluate import summary
from secondthought.evaluate.controls import Outcome
from secondthought.evaluate.evaluation import Evaluation
from secondthought.stats import Interval, mcnemar, paired_difference, to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A `Difference` is after minus before, with its interval, and McNemar's exact p-value."""

    interval: Interval
    p_value: float

    def to_json(self) -> dict[str, Any]:
        """Return the interval's JSON with the p-value as "p"."""
        parts = to_json({"difference": self.interval, "p": self.p_value})
        return {**parts["difference"], "p": parts["p"]}


def compare(after: Evaluation, before: Evaluation) -> dict[str, Difference]:
    """Return the differences of first try, second try and later ones, `after` minus `before`.

    Raises:
        RunError: the evaluations did not play the same problems.
    """
    new = {row.problem_id: row for row in after.rows}
    old = {row.problem_id: row for row in before.rows}
    names = _same_problems(new, old)
    return {
        summary.try_name(k): paired(
            [new[name].solved_by(k) for name in names], [old[name].solved_by(k) for name in names]
        )
        for k in range(1, min(after.num_tries, before.num_tries) + 1)
    }


def compare_rescues(after: Sequence[Outcome], before: Sequence[Outcome]) -> Difference:
    """Return the difference of rescue rates on the same stored failures, or of two controls.

    Raises:
        RunError: the outcomes do not hold the same problems.
    """
    new = {item.problem_id: item.verdict.correct for item in after}
    old = {item.problem_id: item.verdict.correct for item in before}
    names = _same_problems(new, old)
    return paired([new[name] for name in names], [old[name] for name in names])


def paired(after: Sequence[bool], before: Sequence[bool]) -> Difference:
    """Return the difference of two that were asked the same, whether each item was right, in the same order."""
    interval = paired_difference([float(x) for x in after], [float(x) for x in before])
    return Difference(interval=interval, p_value=mcnemar(after, before))


def _same_problems(after: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    if after.keys() != before.keys():
        raise RunError(
            f"a paired comparison needs the same problems, but {len(after.keys() ^ before.keys())} of them occur on one"
            " side only; evaluate both with the same task options, seed and number of problems"
        )
    return list(after)
