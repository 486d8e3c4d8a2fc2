"""The page of evaluations without training opens as other reports do; tables of models and differences follow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from secondthought.report.numbers.evaluations import EvaluatedModel, WrittenEvaluation
from secondthought.report.numbers.gains import interval
from secondthought.report.numbers.levels import Listening
from secondthought.report.numbers.pooled import minus
from secondthought.report.page.key_figures import KeyFigure, percent, told
from secondthought.report.page.opening import PageOpening
from secondthought.report.page.tables import CONTROLS, Cell, percent_cell
from secondthought.report.page.wording import days, listed, plural
from secondthought.stats import Interval

CONTROL_NAMES = {"second_sample": "pass@2", "no_reflection": "none"}
"""Controls that an evaluation names otherwise than a run's summary."""

SHOWN = {"pass@1": "first try", "second_try": "second try", "rescue_rate": "rescue rate"}
"""Rates of the tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesRow:
    """A `RatesRow` is one line of a table: whose, where, and a cell for each column."""

    name: str
    detail: str
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesTable:
    """A `RatesTable` has a title, columns and rows."""

    title: str
    about: str
    columns: Sequence[str]
    rows: Sequence[RatesRow]


def evaluation_opening(found: Sequence[WrittenEvaluation]) -> PageOpening:
    """Build the opening: what the first model solves, and what the others do."""
    first, model = found[0], found[0].models[0]
    every = [one for written in found for one in written.models]
    others = [one for one in every if (one.task, one.temperature) == (model.task, model.temperature)][1:]
    beside = listed([f"{one.model} {percent(_best(one))}" for one in others if _best(one).is_defined])
    within = "within two tries" if model.rate("second_try").is_defined else "at the first try"
    return PageOpening(
        title=f"{listed([one.model for one in every])} on {listed([one.task for one in every])}, evaluated",
        when=days(written.day for written in found),
        lead=listed([str(written.path) for written in found]),
        sentence=f"{model.model} solves {percent(_best(model))} of {plural(first.problems, f'{model.task} problem')} "
        f"({first.split} split, temperature {model.temperature:g}) {within}" + (f"; {beside}." if beside else "."),
        figures=[figure for figure in _figures(model) if figure.value],
        cautions=["Nothing was trained here, and one seed sampled it: intervals cover problems only."],
    )


def results_table(found: Sequence[WrittenEvaluation]) -> RatesTable:
    """Build the table of models."""
    rows = [
        RatesRow(name=one.model, detail=_where(one), cells=[percent_cell(one.rate(name)) for name in SHOWN])
        for written in found
        for one in written.models
    ]
    return RatesTable(title="Models", about="Rates on the same problems.", columns=list(SHOWN.values()), rows=rows)


def differences_table(found: Sequence[WrittenEvaluation]) -> RatesTable | None:
    """Build the table of paired differences; None where a model stands alone."""
    rows = [
        RatesRow(
            name=f"{one.models[1]} - {one.models[0]}",
            detail=f"{one.task}, temperature {one.temperature:g}",
            cells=[percent_cell(interval(one.rates.get(name)), signed=True) for name in SHOWN],
        )
        for written in found
        for one in written.differences
    ]
    about = "Paired by problem, in points."
    return RatesTable(title="Differences", about=about, columns=list(SHOWN.values()), rows=rows) if rows else None


def controls_table(found: Sequence[WrittenEvaluation]) -> RatesTable | None:
    """Build the table of controls, a column for each; None where none was played."""
    played = [one for written in found for one in written.models if one.controls]
    names = list(dict.fromkeys(name for one in played for name in one.controls))
    rows = [
        RatesRow(name=one.model, detail=_where(one), cells=[percent_cell(one.control(name)) for name in names])
        for one in played
    ]
    columns = [CONTROLS.get(CONTROL_NAMES.get(name, name), name) for name in names]
    about = "How often the retry of a failed first try is right, by what stands where the reflection stood."
    return (
        RatesTable(title="Controls: does the retry listen?", about=about, columns=columns, rows=rows) if rows else None
    )


def _figures(model: EvaluatedModel) -> Iterator[KeyFigure]:
    for name, title in SHOWN.items():
        if name != "rescue_rate" or not model.controls:
            rate = model.rate(name)
            about = f"{model.model}, of {plural(rate.n, 'problem')}"
            yield KeyFigure(title=title.capitalize(), value=percent(rate), change=percent_cell(rate).span, about=about)
    own, another = model.control("own"), model.control("shuffled")
    yield told(
        Listening(own=own, another=another, difference=minus(own, another)), f"{model.model}, retries that are right"
    )


def _best(model: EvaluatedModel) -> Interval:
    second = model.rate("second_try")
    return second if second.is_defined else model.rate("pass@1")


def _where(model: EvaluatedModel) -> str:
    return f"{model.task}, temperature {model.temperature:g}"
