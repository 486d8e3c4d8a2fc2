"""Figures turn numbers into inline SVG: line charts and interval marks. Colours are classes of the style sheet.

A chart has one or more lines; a line has one series per seed. One seed is drawn with its interval as a band; several
are drawn thin, with their mean thick and the range from lowest to highest seed as the band. More lines than colours are
told apart by dashes, and have no bands, which would hide them. Nor has a line that is zero throughout: its band would
be a block and nothing else.

Drawn values stand in the line's `data-points`, from which `charts.js` reads any of them out; without it dots of short
lines tell theirs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup

from secondthought.report.page.axes import Axis, can_be_drawn, tick_text, ticks
from secondthought.stats import Interval

NAN = float("nan")

WIDTH, HEIGHT = 440, 240
LEFT, RIGHT, TOP, BOTTOM = 54, 12, 10, 36
MOST_POINTS = 200
"""A series with more is averaged over equal stretches of steps: a file of 10,000 steps stays small."""

NUM_COLOURS = 6
"""Colours of the style sheet, each of them solid, dashed and dotted."""

MOST_DOTS = 30
"""A line of more points is drawn without dots, which would hide it."""


class ChartPoint(NamedTuple):
    """A `ChartPoint` is one value of a series, with its interval (NaN where it has none)."""

    x: float
    y: float
    low: float = NAN
    high: float = NAN


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartLine:
    """A `ChartLine` is one entry of the legend: a series per seed, with a `colour` counted from 0."""

    label: str
    colour: int
    series: tuple[tuple[ChartPoint, ...], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A `Chart` is drawn and has a title, a sentence on what it shows, and a legend (label, colour)."""

    title: str
    about: str
    legend: tuple[tuple[str, int], ...]
    svg: Markup


class DrawnCharts(NamedTuple):
    """`DrawnCharts` holds charts, and names what could not be drawn: for want of data, or since nothing was found."""

    charts: Sequence[Chart]
    absent: Sequence[str] = ()
    never: Sequence[str] = ()


def line_chart(lines: Sequence[ChartLine], *, label: str, percent: bool = False) -> Markup:
    """Draw a chart over steps; `label` is read out instead of it. The y axis always shows zero."""
    drawn = [line for line in (_thinned(line) for line in lines) if line.series]
    if not drawn:
        return Markup("")
    banded = [line for line in drawn if not _is_zero(line)] if len(drawn) <= NUM_COLOURS else []
    x, x_ticks = _x_axis(drawn)
    y, y_ticks = _y_axis(drawn, banded)
    parts = [
        Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}"{}>').format(
            WIDTH, HEIGHT, label, Markup(' data-unit="%"') if percent else ""
        ),
        *(_y_tick(y(tick), tick_text(tick, y_ticks, percent)) for tick in y_ticks),
        *(_x_tick(x(tick), tick_text(tick, x_ticks, False)) for tick in x_ticks),
        Markup('<text class="tick" x="{}" y="{}" text-anchor="end">step</text>').format(WIDTH - RIGHT, HEIGHT - 3),
        *(part for line in banded for part in _band(line, x, y)),
        *(part for line in drawn for part in _strokes(line, x, y, percent)),
        Markup("</svg>"),
    ]
    return Markup("").join(parts)


def line_class(colour: int) -> str:
    """Return the class names of a line by its index: a colour, and from the seventh on a kind of dashes.

    >>> line_class(1), line_class(7), line_class(13)
    ('s1', 's1 dash1', 's1 dash2')
    """
    dash = colour // NUM_COLOURS % 3
    return f"s{colour % NUM_COLOURS}" + (f" dash{dash}" if dash else "")


def interval_mark(interval: Interval, *, low: float = 0.0, high: float = 1.0, zero: bool = False) -> Markup:
    """Draw a dot with its interval on a small axis from `low` to `high`; `zero` draws the line of no difference."""
    if not (interval.is_defined and interval.is_bounded) or high <= low:
        return Markup("")
    x = Axis(low, high, 4, 116)
    parts = [Markup('<svg class="mark" viewBox="0 0 120 14" aria-hidden="true"><path class="rail" d="M4 7H116"/>')]
    if zero:
        parts.append(Markup('<path class="zero" d="M{} 1V13"/>').format(x(0)))
    parts.append(
        Markup('<path class="span" d="M{} 7H{}"/>').format(x(max(low, interval.low)), x(min(high, interval.high)))
    )
    parts.append(Markup('<circle cx="{}" cy="7" r="3.2"/></svg>').format(x(min(high, max(low, interval.estimate)))))
    return Markup("").join(parts)


def _points(lines: Sequence[ChartLine]) -> list[ChartPoint]:
    return [point for line in lines for series in line.series for point in series]


def _x_axis(lines: Sequence[ChartLine]) -> tuple[Axis, list[float]]:
    last = max(point.x for point in _points(lines))
    marks = ticks(0, last, whole=True)
    return Axis(marks[0], max(marks[-1], last), LEFT, WIDTH - RIGHT), marks


def _y_axis(lines: Sequence[ChartLine], banded: Sequence[ChartLine]) -> tuple[Axis, list[float]]:
    """Return the axis that holds all values, and the intervals of those lines of which they are drawn."""
    bounds = [bound for line in banded if len(line.series) == 1 for point in line.series[0] for bound in point[2:]]
    values = [value for value in (*(point.y for point in _points(lines)), *bounds) if can_be_drawn(value)]
    marks = ticks(min(0.0, *values), max(0.0, *values))
    return Axis(marks[0], marks[-1], HEIGHT - BOTTOM, TOP), marks


def _thinned(line: ChartLine) -> ChartLine:
    kept = tuple(tuple(thin([point for point in series if can_be_drawn(point.y)])) for series in line.series)
    return ChartLine(label=line.label, colour=line.colour, series=tuple(series for series in kept if series))


def _is_zero(line: ChartLine) -> bool:
    return all(point.y == 0 for series in line.series for point in series)


def thin(points: Sequence[ChartPoint]) -> list[ChartPoint]:
    """Return at most MOST_POINTS points: means over stretches of equal length."""
    size = math.ceil(len(points) / MOST_POINTS) or 1
    stretches = [points[start : start + size] for start in range(0, len(points), size)]
    return [ChartPoint(*(sum(values) / len(values) for values in zip(*stretch, strict=True))) for stretch in stretches]


def _y_tick(y: str, text: str) -> Markup:
    return Markup(
        '<path class="grid" d="M{} {}H{}"/><text class="tick" x="{}" y="{}" dy=".32em" text-anchor="end">{}</text>'
    ).format(LEFT, y, WIDTH - RIGHT, LEFT - 6, y, text)


def _x_tick(x: str, text: str) -> Markup:
    return Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(
        x, HEIGHT - BOTTOM + 15, text
    )


def _band(line: ChartLine, x: Axis, y: Axis) -> list[Markup]:
    points = line.series[0] if len(line.series) == 1 else _over_seeds(line)
    points = [point for point in points if can_be_drawn(point.low) and can_be_drawn(point.high)]
    if not points:
        return []
    if len(points) == 1:  # a band has no width there
        x_pixel, low, high = x(points[0].x), y(points[0].low), y(points[0].high)
        return [
            Markup('<path class="whisker s{}" d="M{} {}V{}"/>').format(line.colour % NUM_COLOURS, x_pixel, low, high)
        ]
    there = [f"{x(point.x)} {y(point.high)}" for point in points]
    back = [f"{x(point.x)} {y(point.low)}" for point in reversed(points)]
    return [Markup('<path class="band f{}" d="M{}Z"/>').format(line.colour % NUM_COLOURS, "L".join(there + back))]


def _strokes(line: ChartLine, x: Axis, y: Axis, percent: bool) -> list[Markup]:
    thick = line.series[0] if len(line.series) == 1 else _over_seeds(line)
    thinner = line.series if len(line.series) > 1 else ()
    parts = [_path(series, x, y, f"seed {line_class(line.colour)}") for series in thinner]
    if thick:
        data = Markup(' data-label="{}" data-points="{}"').format(line.label, _data(thick))
        parts.append(_path(thick, x, y, f"line {line_class(line.colour)}", data))
    if len(thick) <= MOST_DOTS:
        parts += [_dot(line, point, x, y, percent) for point in thick]
    return parts


def _path(points: Sequence[ChartPoint], x: Axis, y: Axis, classes: str, data: Markup | str = "") -> Markup:
    return Markup('<path class="{}" d="M{}"{}/>').format(
        classes, "L".join(f"{x(point.x)} {y(point.y)}" for point in points), data
    )


def _data(points: Sequence[ChartPoint]) -> str:
    """Return the points for the script: x, y and, where there is one, the interval; a blank parts point from point."""
    return " ".join(",".join([f"{point.x:.10g}", *(f"{part:.4g}" for part in _told(point))]) for point in points)


def _told(point: ChartPoint) -> tuple[float, ...]:
    """Return the value of a point, and its interval if it has one."""
    return point[1:] if can_be_drawn(point.low) and can_be_drawn(point.high) else (point.y,)


def _dot(line: ChartLine, point: ChartPoint, x: Axis, y: Axis, percent: bool) -> Markup:
    scale, unit = (100, "%") if percent else (1, "")
    value, *span = (f"{part * scale:.3g}" for part in _told(point))
    text = f"{line.label}, step {point.x:g}: {value}{unit}" + (f" [{', '.join(span)}]" if span else "")
    return Markup('<circle class="f{}" cx="{}" cy="{}" r="2.4"><title>{}</title></circle>').format(
        line.colour % NUM_COLOURS, x(point.x), y(point.y), text
    )


def _over_seeds(line: ChartLine) -> list[ChartPoint]:
    """Return the mean, lowest and highest seed at the steps that all seeds have."""
    tables = [{point.x: point.y for point in series} for series in line.series]
    shared = sorted(set.intersection(*(set(table) for table in tables)))
    values = {step: [table[step] for table in tables] for step in shared}
    return [ChartPoint(step, sum(row) / len(row), min(row), max(row)) for step, row in values.items()]
