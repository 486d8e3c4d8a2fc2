"""The catalog lists the papers whose claims a report can hold against runs, and chooses that of a report.

A new paper is a module with its `PAPER`, and a row here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from secondthought.report.numbers.primed_arms import has_origins
from secondthought.report.numbers.runs import Arm
from secondthought.report.papers import four_habits, reflect_retry_reward
from secondthought.report.papers.claim import Paper

PAPERS: Mapping[str, Paper] = {
    "reflect-retry-reward": reflect_retry_reward.PAPER,
    "four-habits": four_habits.PAPER,
}
"""The papers by the name that a study declares."""


def paper_of(arms: Sequence[Arm]) -> Paper:
    """Return the paper that runs declare (the first arm's where they disagree); else guess it from their origins."""
    known = [PAPERS[name] for name in _declared(arms) if name in PAPERS]
    return known[0] if known else PAPERS["four-habits" if has_origins(arms) else "reflect-retry-reward"]


def unknown_papers(arms: Sequence[Arm]) -> list[str]:
    """Return the declared names that are not in `PAPERS`."""
    return list(dict.fromkeys(name for name in _declared(arms) if name not in PAPERS))


def _declared(arms: Sequence[Arm]) -> Iterator[str]:
    return (name for arm in arms if (name := arm.declared_claims) is not None)
