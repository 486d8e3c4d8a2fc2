"""One picture of all arms: a row each, from first tries before RL to those of each seed after; published arms beside.

Rows of both panels mean the same base and priming; the axes differ, since sizes of models and problems do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from secondthought.report.numbers.gains import rate
from secondthought.report.numbers.runs import Arm
from secondthought.report.page.figures import Axis, tick_text, ticks
from secondthought.report.page.habit_table import base_of, priming_of
from secondthought.report.page.published_charts import condition_of, read_all

LABELS, PANEL, GAP, ROW, TOP, BOTTOM = 250, 290, 40, 22, 24, 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Accuracy before RL and after it, of each seed; `name` says whose."""

    name: str
    before: float
    after: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCourse:
    """One row: ours, and what was published of the same arm, one course per model."""

    label: str
    ours: Course
    is_primed: bool = False
    published: tuple[Course, ...] = ()


def courses(arms: Sequence[Arm], published: Sequence[Path] = ()) -> list[ArmCourse]:
    """Rows of the arms that name their base and were evaluated: bases first, then primed ones, each from the best down.

    Raises:
        RunError: a file of published curves cannot be read.
    """
    curves = read_all(published)
    found = []
    for arm in arms:
        seeds = [
            (rate(run, "before", "first_try").estimate, rate(run, "after", "first_try").estimate) for run in arm.runs
        ]
        known = [(before, after) for before, after in seeds if before == before and after == after]
        if not base_of(arm) or not known:
            continue
        condition = condition_of(arm)
        theirs = [
            Course(name=name, before=points[0][1], after=(points[-1][1],))
            for name, curve in curves
            if (points := curve.get(condition or "", []))
        ]
        ours = Course(
            name=arm.name,
            before=_mean([before for before, _ in known]),
            after=tuple(after for _, after in known),
        )
        found.append(ArmCourse(label=arm.name, is_primed=bool(priming_of(arm)), ours=ours, published=tuple(theirs)))
    return sorted(found, key=lambda row: (row.is_primed, -_mean(row.ours.after)))


def legend(rows: Sequence[ArmCourse]) -> list[tuple[str, int]]:
    """Names and colours of what is published beside; empty where nothing is."""
    names = _models(rows)
    return [("ours", 0), *((f"published, {name}", place) for place, name in enumerate(names, 1))] if names else []


def arms_chart(rows: Sequence[ArmCourse]) -> Markup:
    """The picture, or nothing for fewer than two rows."""
    if len(rows) < 2:
        return Markup("")
    beside = any(row.published for row in rows)
    width, height = LABELS + PANEL + (GAP + PANEL if beside else 0) + 14, TOP + ROW * len(rows) + BOTTOM
    parts = [
        Markup('<svg class="chart arms" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            width, height, "First tries before and after RL, an arm a row"
        )
    ]
    for place, row in enumerate(rows):
        parts.append(
            Markup('<text class="tick name" x="{}" y="{}" dy=".32em" text-anchor="end">{}</text>').format(
                LABELS - 10, _y(place), row.label
            )
        )
    parts += _panel([[(row.ours, 0)] for row in rows], LABELS, "ours")
    if beside:
        colours = {name: colour for colour, name in enumerate(_models(rows), 1)}
        theirs = [[(course, colours[course.name]) for course in row.published] for row in rows]
        parts += _panel(theirs, LABELS + PANEL + GAP, "published")
    return Markup("").join([*parts, Markup("</svg>")])


def _models(rows: Sequence[ArmCourse]) -> list[str]:
    return list(dict.fromkeys(course.name for row in rows for course in row.published))


def _panel(rows: Sequence[Sequence[tuple[Course, int]]], left: int, title: str) -> list[Markup]:
    """Courses with their colours, row by row, on an axis of their own."""
    values = [value for row in rows for course, _ in row for value in (course.before, *course.after)]
    marks = ticks(0.0, max(values))
    x, bottom = Axis(marks[0], marks[-1], left, left + PANEL), TOP + ROW * len(rows)
    parts = [Markup('<text class="tick" x="{}" y="12">{}</text>').format(left, title)]
    for mark in marks:
        text = tick_text(mark, marks, True)
        parts += [
            Markup('<path class="grid" d="M{} {}V{}"/>').format(x(mark), TOP, bottom),
            Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                x(mark), bottom + 15, text
            ),
        ]
    for place, row in enumerate(rows):
        for course, colour in row:
            parts += _course(course, x, _y(place), colour)
    return parts


def _course(course: Course, x: Axis, y: float, colour: int) -> list[Markup]:
    about = f"{course.name}: {_percent(course.before)} before, {', '.join(map(_percent, course.after))} after"
    parts = [
        Markup('<g><title>{}</title><path class="way s{}" d="M{} {}H{}"/>').format(
            about, colour, x(course.before), y, x(_mean(course.after))
        ),
        Markup('<circle class="from s{}" cx="{}" cy="{}" r="3.4"/>').format(colour, x(course.before), y),
    ]
    parts += [Markup('<circle class="f{}" cx="{}" cy="{}" r="3.4"/>').format(colour, x(one), y) for one in course.after]
    return [*parts, Markup("</g>")]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"


def _y(place: int) -> float:
    return TOP + ROW * (place + 0.5)
