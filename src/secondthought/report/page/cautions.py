"""Cautions are what to know before believing a page. A new one is a function of the inputs, and a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from secondthought.report.numbers.about import given_texts
from secondthought.report.numbers.inputs import ReportInputs
from secondthought.report.page.wording import listed
from secondthought.report.papers.catalog import unknown_papers
from secondthought.runs import endings


def cautions(inputs: ReportInputs) -> list[str]:
    """Return all cautions that hold."""
    return list(chain.from_iterable(of(inputs) for of in CAUTIONS))


def _unfinished(inputs: ReportInputs) -> Iterator[str]:
    for status in ("running", "interrupted", "failed"):
        found = [run.label for run in inputs.runs if run.status == status]
        if found:
            be = "is" if len(found) == 1 else "are"
            yield f"{listed(found)} {be} {status}: what was not measured is missing."


def _endings(inputs: ReportInputs) -> Iterator[str]:
    for run in inputs.runs:
        yield from (f"{run.label}: {sentence}." for sentence in endings.cautions(run.summary))


def _one_seed(inputs: ReportInputs) -> Iterator[str]:
    single = [arm.name for arm in inputs.arms if arm.num_seeds < 2 and not given_texts(arm.runs[0])]
    if single:
        yield f"One seed only: {listed(single)}. Intervals cover problems then, not how much seeds differ."


def _copies(inputs: ReportInputs) -> Iterator[str]:
    copies = [arm.name for arm in inputs.arms if arm.num_seeds < len(arm.runs)]
    if copies:
        yield f"The same seed more than once: {listed(copies)}. Such runs are not independent."


def _no_comparator(inputs: ReportInputs) -> Iterator[str]:
    if len(inputs.arms) == 1 and not given_texts(inputs.runs[0]):
        yield "No comparator among these runs: a gain alone does not show what it comes from."


def _unknown_claims(inputs: ReportInputs) -> Iterator[str]:
    unknown = unknown_papers(inputs.arms)
    if unknown:
        yield f"Runs declare claims that this version does not know: {listed(unknown)}."


CAUTIONS: tuple[Callable[[ReportInputs], Iterator[str]], ...] = (
    _unfinished,
    _endings,
    _one_seed,
    _copies,
    _no_comparator,
    _unknown_claims,
)
"""The functions that caution, in the order of the page."""
