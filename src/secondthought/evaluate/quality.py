"""The quality of reflections: how long they are, what they repeat, how general they are, and what they give away.

Nothing here asks whether a reflection helps; the controls do. Each number is defined in docs/metrics.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from secondthought.evaluate import overlap
from secondthought.evaluate.rows import ProblemRow
from secondthought.protocols import DiagnosableTask, Task
from secondthought.stats import UNDEFINED, Interval, mean_interval, mean_share, wilson
from secondthought.tasks.abilities import MistakeReader
from secondthought.types import Problem

_FEWEST = 3
"""Reflections without one of which there are still pairs."""
MOSTLY = 0.5
"""A text that shares at least this much of its runs of words with another counts as a copy of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reflected:
    """A `Reflected` is one reflection as text, with the failed try that it is about."""

    problem: Problem
    attempt: str
    reason: str
    """The verdict's word for what is wrong with the try."""
    text: str
    num_tokens: int


def reflected(rows: Iterable[ProblemRow], task: Task) -> list[Reflected]:
    """Return the first reflection on each problem: one a problem, so that none counts more than another."""
    found = []
    for row in rows:
        if row.reflections:
            first, said = row.tries[0], row.reflections[0]
            found.append(
                Reflected(
                    problem=task.parse(row.data),
                    attempt=first.text,
                    reason=first.verdict.reason if first.verdict else "",
                    text=said.text,
                    num_tokens=said.num_tokens,
                )
            )
    return found


def quality(items: Sequence[Reflected], task: Task) -> dict[str, Interval]:
    """Return the numbers of a set of reflections by the names of docs/metrics.md, each with its interval."""
    texts = [item.text for item in items]
    commonest = max(Counter(map(overlap.plain, texts)).values(), default=0)
    return {
        "length": mean_interval([float(item.num_tokens) for item in items]),
        "repetition": _mean(map(overlap.repeated_share, texts)),
        "generality": generality(texts),
        "commonest": wilson(commonest, len(texts)),
        "repeats_task": _share(repeats_task(item) for item in items),
        "repeats_try": _share(repeats_try(item) for item in items),
        "leak": _share(leaks(task, item.problem, item.text) for item in items),
        **(_mistakes(items, task) if isinstance(task, MistakeReader) else {}),
    }


def generality(texts: Sequence[str]) -> Interval:
    """Return how much of a reflection another problem's reflection says too: the mean over all pairs of problems.

    Of the different runs of two words in one, the share that the other has as well: 1 if all reflections are alike, 0
    if no two share any. It does not grow with the number of problems. Pairs are not independent, so the interval is the
    jackknife's: Student's over pseudo-values, n mean - (n - 1) mean without the one.
    """
    given, taken = overlap.shared_with_others(texts)
    n, total = len(given), sum(given)
    if n < _FEWEST:
        return UNDEFINED
    without = [(total - row - column) / ((n - 1) * (n - 2)) for row, column in zip(given, taken, strict=True)]
    found = mean_interval([total / (n - 1) - (n - 1) * left for left in without])
    return found.within(0.0, 1.0)


def repeats_task(item: Reflected) -> bool:
    """Tell whether most of a reflection is copied from what the problem says."""
    asked = "\n".join(message.content for message in item.problem.messages)
    return overlap.copied_share(item.text, asked) >= MOSTLY


def repeats_try(item: Reflected) -> bool:
    """Tell whether most of the failed try stands again in its reflection."""
    return overlap.copied_share(item.attempt, item.text) >= MOSTLY


def leaks(task: Task, problem: Problem, text: str) -> bool | None:
    """Tell whether a text gives the answer away: as the task says, else whether all words of the gold stand in a row.

    None where neither is known. Tags around the gold answer are no part of it.
    """
    if isinstance(task, DiagnosableTask):
        return task.leak(problem, text) == "solution"
    gold = task.gold(problem)
    wanted = [] if gold is None else overlap.words(without_tags(gold))
    return bool(overlap.copied_share(" ".join(wanted), text, len(wanted)) == 1) if wanted else None


def without_tags(text: str) -> str:
    """Return a text without what stands in angle brackets.

    >>> without_tags("<answer> 5 </answer>")
    ' 5 '
    """
    kept, _, rest = text.partition("<")
    while rest:
        _, _, rest = rest.partition(">")
        more, _, rest = rest.partition("<")
        kept += more
    return kept


def _mistakes(items: Sequence[Reflected], task: MistakeReader) -> Mapping[str, Interval]:
    """Return how many reflections name a mistake, and of these, how many name the one that the verifier found."""
    named = [(item.reason, task.named_mistakes(item.problem, item.text)) for item in items]
    telling = [(reason, words) for reason, words in named if words]
    return {
        "names_a_mistake": wilson(len(telling), len(named)),
        "names_the_mistake": wilson(sum(reason in words for reason, words in telling), len(telling)),
    }


def _mean(values: Iterable[float]) -> Interval:
    return mean_share([value for value in values if value == value])


def _share(holds: Iterable[bool | None]) -> Interval:
    known = [value for value in holds if value is not None]
    return wilson(sum(known), len(known))
