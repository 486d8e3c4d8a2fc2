"""Line charts and interval marks as inline SVG: numbers in, markup out. Colours are classes of the style sheet.

A chart has one or more lines; a line has one series per seed. One seed is drawn with its interval as a band; several
are drawn thin, with their mean thick and the range from lowest to highest seed as the band. More lines than colours are
told apart by dashes, and have no bands, which would hide them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup

from secondthought.stats import Interval

NAN = float("nan")

WIDTH, HEIGHT = 480, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 10, 34
MOST_POINTS = 200
"""A series with more is averaged over equal stretches of steps: a file of 10,000 steps stays small."""

NUM_COLOURS = 6
"""Colours of the style sheet, each of them solid, dashed and dotted."""

MOST_DOTS = 30
"""A line of more points is drawn without dots to hover over."""


class Point(NamedTuple):
    """One value of a series, with its interval (NaN where it has none)."""

    x: float
    y: float
    low: float = NAN
    high: float = NAN


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one legend entry stands for: one series per seed. `colour` tells it from the others, counted from 0."""

    label: str
    colour: int
    series: tuple[tuple[Point, ...], ...]


@dataclass(frozen=True, slots=True)
class Axis:
    """Maps values to pixels, with round ticks."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> str:
        """The pixel of a value, as SVG writes it."""
        return f"{self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start):.1f}"


def line_chart(lines: Sequence[Line], *, label: str, percent: bool = False) -> Markup:
    """A chart over steps; `label` is read out instead of it. The y axis always shows zero."""
    drawn = [line for line in (_thinned(line) for line in lines) if line.series]
    points = [point for line in drawn for series in line.series for point in series]
    x_ticks = ticks(0, max(point.x for point in points), whole=True)
    banded = drawn if len(drawn) <= NUM_COLOURS else []
    bounds = [bound for line in banded if len(line.series) == 1 for point in line.series[0] for bound in point[2:]]
    values = [value for value in (*(point.y for point in points), *bounds) if not math.isnan(value)]
    y_ticks = ticks(min(0.0, *values), max(0.0, *values))
    x = Axis(x_ticks[0], max(x_ticks[-1], max(point.x for point in points)), LEFT, WIDTH - RIGHT)
    y = Axis(y_ticks[0], y_ticks[-1], HEIGHT - BOTTOM, TOP)
    parts = [Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(WIDTH, HEIGHT, label)]
    parts += [_y_tick(y(tick), tick_text(tick, y_ticks, percent)) for tick in y_ticks]
    parts += [_x_tick(x(tick), tick_text(tick, x_ticks, False)) for tick in x_ticks]
    parts.append(
        Markup('<text class="tick" x="{}" y="{}" text-anchor="end">step</text>').format(WIDTH - RIGHT, HEIGHT - 3)
    )
    for line in banded:
        parts += _band(line, x, y)
    for line in drawn:
        parts += _strokes(line, x, y, percent)
    return Markup("").join([*parts, Markup("</svg>")])


def line_class(colour: int) -> str:
    """Class names of a line by its index: a colour, and from the seventh on a kind of dashes.

    >>> line_class(1), line_class(7), line_class(13)
    ('s1', 's1 dash1', 's1 dash2')
    """
    dash = colour // NUM_COLOURS % 3
    return f"s{colour % NUM_COLOURS}" + (f" dash{dash}" if dash else "")


def interval_mark(interval: Interval, *, low: float = 0.0, high: float = 1.0, zero: bool = False) -> Markup:
    """A dot with its interval on a small axis from `low` to `high`; `zero` draws the line of no difference."""
    if any(math.isnan(value) for value in (interval.estimate, interval.low, interval.high)) or high <= low:
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


def ticks(low: float, high: float, *, whole: bool = False) -> list[float]:
    """Three to seven round numbers that enclose the range (`whole`: that lie within it, and are whole).

    >>> ticks(0, 0.37), ticks(0, 60, whole=True), ticks(0, 0)
    ([0.0, 0.1, 0.2, 0.3, 0.4], [0, 20, 40, 60], [0.0, 0.25, 0.5, 0.75, 1.0])
    """
    if not high > low:
        high = low + 1
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 2.5, 5, 10) if size * power >= rough * 0.95)
    if whole:
        step = max(1, round(step))
        return [float(step * index) if step % 1 else step * index for index in range(int(high // step) + 1)]
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * index, 12) for index in range(first, last + 1)]


def tick_text(tick: float, all_ticks: Sequence[float], percent: bool) -> str:
    """A tick with as many decimals as its axis needs."""
    scale = 100 if percent else 1
    step = abs(all_ticks[1] - all_ticks[0]) * scale if len(all_ticks) > 1 else 1
    decimals = next((count for count in range(6) if math.isclose(round(step, count), step, rel_tol=1e-6)), 6)
    return f"{tick * scale:,.{decimals}f}" + ("%" if percent else "")


def _thinned(line: Line) -> Line:
    kept = tuple(tuple(thin([point for point in series if not math.isnan(point.y)])) for series in line.series)
    return Line(label=line.label, colour=line.colour, series=tuple(series for series in kept if series))


def thin(points: Sequence[Point]) -> list[Point]:
    """At most MOST_POINTS points: means over stretches of equal length."""
    size = math.ceil(len(points) / MOST_POINTS) or 1
    stretches = [points[start : start + size] for start in range(0, len(points), size)]
    return [Point(*(sum(values) / len(values) for values in zip(*stretch, strict=True))) for stretch in stretches]


def _y_tick(y: str, text: str) -> Markup:
    return Markup(
        '<path class="grid" d="M{} {}H{}"/><text class="tick" x="{}" y="{}" dy=".32em" text-anchor="end">{}</text>'
    ).format(LEFT, y, WIDTH - RIGHT, LEFT - 6, y, text)


def _x_tick(x: str, text: str) -> Markup:
    return Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(
        x, HEIGHT - BOTTOM + 15, text
    )


def _band(line: Line, x: Axis, y: Axis) -> list[Markup]:
    points = line.series[0] if len(line.series) == 1 else _over_seeds(line)
    points = [point for point in points if not (math.isnan(point.low) or math.isnan(point.high))]
    if len(points) < 2:
        return []
    there = [f"{x(point.x)} {y(point.high)}" for point in points]
    back = [f"{x(point.x)} {y(point.low)}" for point in reversed(points)]
    return [Markup('<path class="band f{}" d="M{}Z"/>').format(line.colour % NUM_COLOURS, "L".join(there + back))]


def _strokes(line: Line, x: Axis, y: Axis, percent: bool) -> list[Markup]:
    thick = line.series[0] if len(line.series) == 1 else _over_seeds(line)
    thinner = line.series if len(line.series) > 1 else ()
    parts = [_path(series, x, y, f"seed {line_class(line.colour)}") for series in thinner]
    if thick:
        parts.append(_path(thick, x, y, f"line {line_class(line.colour)}"))
    if len(thick) <= MOST_DOTS:
        parts += [_dot(line, point, x, y, percent) for point in thick]
    return parts


def _path(points: Sequence[Point], x: Axis, y: Axis, classes: str) -> Markup:
    return Markup('<path class="{}" d="M{}"/>').format(
        classes, "L".join(f"{x(point.x)} {y(point.y)}" for point in points)
    )


def _dot(line: Line, point: Point, x: Axis, y: Axis, percent: bool) -> Markup:
    scale, unit = (100, "%") if percent else (1, "")
    text = f"{line.label}, step {point.x:g}: {point.y * scale:.3g}{unit}"
    if not math.isnan(point.low):
        text += f" [{point.low * scale:.3g}, {point.high * scale:.3g}]"
    return Markup('<circle class="f{}" cx="{}" cy="{}" r="2.4"><title>{}</title></circle>').format(
        line.colour % NUM_COLOURS, x(point.x), y(point.y), text
    )


def _over_seeds(line: Line) -> list[Point]:
    """Mean, lowest and highest seed at the steps that all seeds have."""
    tables = [{point.x: point.y for point in series} for series in line.series]
    shared = sorted(set.intersection(*(set(table) for table in tables)))
    values = {step: [table[step] for table in tables] for step in shared}
    return [Point(step, sum(row) / len(row), min(row), max(row)) for step, row in values.items()]
