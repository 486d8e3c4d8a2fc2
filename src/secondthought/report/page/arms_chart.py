"""The picture of all arms has a row each, from first tries before RL to those of each seed after; published beside.

Rows of both panels mean the same base and priming; the axes differ, since sizes of models and problems do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from secondthought.report.numbers.gains import rate
from secondthought.report.numbers.inputs import ReportInputs
from secondthought.report.numbers.primed_arms import base_of, priming_of
from secondthought.report.numbers.published_curves import PublishedCurves, condition_of
from secondthought.report.numbers.runs import Arm
from secondthought.report.page.axes import Axis, tick_text, ticks

LABELS, PANEL, GAP, ROW, TOP, BOTTOM = 250, 290, 40, 22, 24, 26


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyChange:
    """An `AccuracyChange` is the accuracy before RL and, of each seed, after it; `name` says whose."""

    name: str
    before: float
    after: tuple[float, ...]

    @property
    def mean_after(self) -> float:
        """Return the mean over seeds after RL."""
        return _mean(self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedArm:
    """A `ComparedArm` is one row: our change of accuracy, and what was published of the same arm, one per model."""

    label: str
    ours: AccuracyChange
    is_primed: bool = False
    published: tuple[AccuracyChange, ...] = ()


def compared_arms(inputs: ReportInputs) -> list[ComparedArm]:
    """Return the arms that name their base and were evaluated: bases, then primed ones, each from the best down."""
    rows = [
        ComparedArm(
            label=arm.name, is_primed=bool(priming_of(arm)), ours=ours, published=_published(arm, inputs.published)
        )
        for arm in inputs.arms
        if base_of(arm) and (ours := _ours(arm)) is not None
    ]
    return sorted(rows, key=lambda row: (row.is_primed, -row.ours.mean_after))


def legend(rows: Sequence[ComparedArm]) -> list[tuple[str, int]]:
    """Return names and colours of what is published beside; empty where nothing is."""
    names = _models(rows)
    return [("ours", 0), *((f"published, {name}", place) for place, name in enumerate(names, 1))] if names else []


def arms_chart(rows: Sequence[ComparedArm]) -> Markup:
    """Draw the picture; nothing for fewer than two rows."""
    if len(rows) < 2:
        return Markup("")
    colours = {name: colour for colour, name in enumerate(_models(rows), 1)}
    width, height = LABELS + PANEL + (GAP + PANEL if colours else 0) + 14, TOP + ROW * len(rows) + BOTTOM
    parts = [
        Markup(
            '<svg class="chart arms" style="min-width: {}px" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        ).format(width, width, height, "First tries before and after RL, an arm a row"),
        *(_label(row, place) for place, row in enumerate(rows)),
        *_panel([[(row.ours, 0)] for row in rows], LABELS, "ours"),
    ]
    if colours:
        theirs = [[(change, colours[change.name]) for change in row.published] for row in rows]
        parts += _panel(theirs, LABELS + PANEL + GAP, "published")
    return Markup("").join([*parts, Markup("</svg>")])


def _ours(arm: Arm) -> AccuracyChange | None:
    """Return the change of an arm; None where no seed was evaluated before and after."""
    seeds = [(rate(run, "before", "first_try"), rate(run, "after", "first_try")) for run in arm.runs]
    known = [(before.estimate, after.estimate) for before, after in seeds if before.is_defined and after.is_defined]
    if not known:
        return None
    return AccuracyChange(
        name=arm.name, before=_mean([before for before, _ in known]), after=tuple(after for _, after in known)
    )


def _published(arm: Arm, published: Sequence[PublishedCurves]) -> tuple[AccuracyChange, ...]:
    condition = condition_of(arm) or ""
    return tuple(
        AccuracyChange(name=model, before=points[0][1], after=(points[-1][1],))
        for model, curves in published
        if (points := curves.get(condition, []))
    )


def _models(rows: Sequence[ComparedArm]) -> list[str]:
    return list(dict.fromkeys(change.name for row in rows for change in row.published))


def _label(row: ComparedArm, place: int) -> Markup:
    return Markup('<text class="tick name" x="{}" y="{}" dy=".32em" text-anchor="end">{}</text>').format(
        LABELS - 10, _y(place), row.label
    )


def _panel(rows: Sequence[Sequence[tuple[AccuracyChange, int]]], left: int, title: str) -> Iterator[Markup]:
    """Yield the changes with their colours, row by row, on an axis of their own."""
    values = [value for row in rows for change, _ in row for value in (change.before, *change.after)]
    marks = ticks(0.0, max(values))
    x = Axis(marks[0], marks[-1], left, left + PANEL)
    yield Markup('<text class="tick" x="{}" y="12">{}</text>').format(left, title)
    for mark in marks:
        yield from _x_tick(x(mark), tick_text(mark, marks, True), TOP + ROW * len(rows))
    for place, row in enumerate(rows):
        for change, colour in row:
            yield from _change(change, x, _y(place), colour)


def _x_tick(x: str, text: str, bottom: int) -> Iterator[Markup]:
    yield Markup('<path class="grid" d="M{} {}V{}"/>').format(x, TOP, bottom)
    yield Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(x, bottom + 15, text)


def _change(change: AccuracyChange, x: Axis, y: float, colour: int) -> Iterator[Markup]:
    about = f"{change.name}: {_percent(change.before)} before, {', '.join(map(_percent, change.after))} after"
    yield Markup('<g><title>{}</title><path class="way s{}" d="M{} {}H{}"/>').format(
        about, colour, x(change.before), y, x(change.mean_after)
    )
    yield Markup('<circle class="from s{}" cx="{}" cy="{}" r="3.4"/>').format(colour, x(change.before), y)
    for one in change.after:
        yield Markup('<circle class="f{}" cx="{}" cy="{}" r="3.4"/>').format(colour, x(one), y)
    yield Markup("</g>")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"


def _y(place: int) -> float:
    return TOP + ROW * (place + 0.5)
