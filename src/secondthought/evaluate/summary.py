"""An evaluation is summed up in numbers, each with its 95 % interval; undefined ones are NaN, never 0.

pass@1                   first try right
second_try, try_3, ...   solved within that many tries (an episode ends at its first success)
gain/try_2, ...          solved by that try and not before, over all problems
rescue_rate              second try right, of the problems whose first try failed
format_valid/KIND        an answer could be read, over all attempts, or over all retries
reason/KIND/WORD         share of attempts, or of retries, with this reason
truncated/KIND           stopped by the token limit, over all turns of that kind
reflection_tokens        mean length of reflections
leak/WORD                share of reflections that give away the solution, a right first step, or nothing
reflection_leak          share of reflections that hold the right answer, by any task that knows one
feedback_leak            the same of what was told of failed tries, where that is more than that they failed
NAME                     every row of `METRICS`
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias, get_args

from secondthought.evaluate.evaluation import Evaluation
from secondthought.evaluate.rows import ProblemRow, TurnRow
from secondthought.protocols import Leak
from secondthought.stats import Interval, mean_interval, wilson
from secondthought.types import StopReason, TurnKind

Summary: TypeAlias = dict[str, Interval | float]
"""Name to number, in the order of the table above."""

LEAKS = ("reflection_leak", "feedback_leak")
"""Fields of a row that say whether a text held the right answer."""

METRICS: dict[str, Callable[[Evaluation], Interval]] = {}
"""Further shares of an evaluation, by name: a row here, or added from outside before a run, is all that one costs.

It stands in what `eval` writes and prints, in `summary.json`, in `metrics.jsonl` as `eval/NAME`, and in the report.
"""


def summarise(evaluation: Evaluation) -> Summary:
    """Return all numbers of one evaluation."""
    rows = evaluation.rows
    summary: Summary = {"num_problems": float(len(rows)), "temperature": evaluation.temperature}
    summary |= _tries(rows, evaluation.num_tries)
    kinds = {kind: [turn for row in rows for turn in row.turns if turn.kind is kind] for kind in TurnKind}
    judged = (TurnKind.ATTEMPT, TurnKind.RETRY)
    for kind in judged:
        summary[f"format_valid/{kind.value}"] = _share(kinds[kind], _is_well_formed)
    for kind in judged:
        summary |= _reasons(kind, kinds[kind])
    for kind, turns in kinds.items():
        summary[f"truncated/{kind.value}"] = _share(turns, lambda turn: turn.stop is StopReason.LENGTH)
    summary["reflection_tokens"] = mean_interval([turn.num_tokens for turn in kinds[TurnKind.REFLECTION]])
    leaks = Counter(word for row in rows for word in row.leak)
    for word in get_args(Leak):
        summary[f"leak/{word}"] = wilson(leaks[word], leaks.total())
    for name in LEAKS:
        found = [leaks for row in rows for leaks in getattr(row, name)]
        summary[name] = wilson(sum(found), len(found))
    summary |= {name: measure(evaluation) for name, measure in METRICS.items()}
    return summary


def try_name(index: int) -> str:
    """Name the number "solved within `index` tries".

    >>> [try_name(index) for index in (1, 2, 3)]
    ['pass@1', 'second_try', 'try_3']
    """
    return {1: "pass@1", 2: "second_try"}.get(index, f"try_{index}")


def _tries(rows: Sequence[ProblemRow], num_tries: int) -> Summary:
    solved = [sum(row.solved_by(index) for row in rows) for index in range(num_tries + 1)]
    summary: Summary = {try_name(i): wilson(solved[i], len(rows)) for i in range(1, num_tries + 1)}
    for index in range(2, num_tries + 1):
        summary[f"gain/try_{index}"] = wilson(solved[index] - solved[index - 1], len(rows))
    retried = [row for row in rows if not row.solved_by(1) and len(row.tries) > 1]
    summary["rescue_rate"] = wilson(sum(row.solved_by(2) for row in retried), len(retried))
    return summary


def _reasons(kind: TurnKind, turns: Sequence[TurnRow]) -> Summary:
    counts = Counter(turn.verdict.reason for turn in turns if turn.verdict is not None)
    return {f"reason/{kind.value}/{word}": wilson(counts[word], counts.total()) for word in sorted(counts)}


def _share(turns: Iterable[TurnRow], holds: Callable[[TurnRow], bool]) -> Interval:
    found = [holds(turn) for turn in turns]
    return wilson(sum(found), len(found))


def _is_well_formed(turn: TurnRow) -> bool:
    return turn.verdict is not None and turn.verdict.well_formed
