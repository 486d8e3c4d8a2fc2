"""The charts of the page are listed here. A new one is a module with its function, and a row."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

from secondthought.report.numbers.inputs import ReportInputs
from secondthought.report.page.curves import metric_charts
from secondthought.report.page.figures import DrawnCharts
from secondthought.report.page.habit_curves import habit_charts
from secondthought.report.page.published_charts import published_charts

CHARTS: tuple[Callable[[ReportInputs], DrawnCharts], ...] = (
    metric_charts,
    habit_charts,
    published_charts,
)
"""The functions that draw, in the order of the page."""


def all_charts(inputs: ReportInputs) -> DrawnCharts:
    """Draw every chart that has data."""
    charts, absent, never = zip(*(draw(inputs) for draw in CHARTS), strict=True)
    return DrawnCharts(*(tuple(chain(*parts)) for parts in (charts, absent, never)))
