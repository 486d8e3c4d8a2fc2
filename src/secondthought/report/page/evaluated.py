"""The page of evaluations without training opens as other reports do: a sentence and three figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from secondthought.report.numbers.evaluations import EvaluatedModel, WrittenEvaluation
from secondthought.report.numbers.levels import Listening
from secondthought.report.numbers.pooled import minus
from secondthought.report.page.key_figures import KeyFigure, percent, told
from secondthought.report.page.opening import PageOpening
from secondthought.report.page.tables import percent_cell
from secondthought.report.page.wording import days, listed, plural
from secondthought.stats import Interval

SHOWN = {"pass@1": "first try", "second_try": "second try", "rescue_rate": "rescue rate"}
"""Rates that stand among the figures; the last only where no controls were played."""


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
