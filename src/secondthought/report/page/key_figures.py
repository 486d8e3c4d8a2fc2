"""Key figures are the numbers that a page opens with: what it was, what it is, how sure that is, and what it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from secondthought.report.numbers.about import seconds_of, series, steps_of, tokens_of
from secondthought.report.numbers.gains import Measure, gain
from secondthought.report.numbers.levels import Listening, accuracy, listening, untrained
from secondthought.report.numbers.runs import Arm, Run
from secondthought.report.page.figures import interval_mark
from secondthought.report.page.tables import percent_cell
from secondthought.report.page.wording import amount, duration, plural
from secondthought.stats import Interval

NAMES: dict[Measure, str] = {"second_try": "Second try", "first_try": "First try"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFigure:
    """A `KeyFigure` is one number with its title; without a value it is left out."""

    title: str
    value: str
    old: str = ""
    change: str = ""
    mark: str = ""
    about: str = ""


def change_of(arm: Arm, measure: Measure, title: str = "") -> KeyFigure:
    """Build the figure of an arm's accuracy on the test problems, before and after."""
    change = gain(arm, measure).pooled
    return KeyFigure(
        title=title or f"{NAMES[measure]}, test problems",
        old=percent(accuracy(arm, "before", measure)),
        value=percent(accuracy(arm, "after", measure)),
        change=points(change),
        mark=_mark(change),
        about="before and after training, at temperature 1",
    )


def listening_of(arm: Arm) -> KeyFigure:
    """Build the figure of what the model's own reflections are worth, against those about other problems."""
    before = listening(arm, "before")
    earlier = f"; before, {percent(before.own)} and {percent(before.another)}" if before.own.is_defined else ""
    return told(listening(arm, "after"), f"retries that are right after training{earlier}")


def told(found: Listening, about: str) -> KeyFigure:
    """Build the figure of retries after own reflections against another problem's."""
    against = f" against {percent(found.another)}" if found.another.is_defined else ""
    return KeyFigure(
        title="Own reflection against another problem's",
        value=percent(found.own) + against,
        change=points(found.difference),
        mark=_mark(found.difference),
        about=about,
    )


def cost_of(runs: Sequence[Run], verb: str) -> KeyFigure:
    """Build the figure of tokens and time, a run; `verb` says what was done with the tokens."""
    tokens, seconds = _mean([tokens_of(run) for run in runs]), _mean([seconds_of(run) for run in runs])
    count, time = amount(tokens), duration(seconds)
    return KeyFigure(
        title="Tokens and time" + (", mean of a run" if len(runs) > 1 else ""),
        value=f"{count} tokens" if count else time,
        change=f"in {time}" if count and time else "",
        about=f"{verb if count else 'passed'} in {plural(max(map(steps_of, runs)), 'step')}",
    )


def loss_of(run: Run, metric: str, title: str, about: str) -> KeyFigure:
    """Build the figure of a loss, at the first step and at the last."""
    values = [f"{value:.3f}" for _, value in series(run, metric)]
    return KeyFigure(title=title, old=values[0] if values[1:] else "", value=values[-1] if values else "", about=about)


def validation_of(run: Run, measure: Measure) -> KeyFigure:
    """Build the figure of accuracy on validation problems, at the first step that was measured and at the last."""
    found = [(step, f"{100 * value:.1f} %") for step, value in series(run, f"eval/{measure}")]
    return KeyFigure(
        title=f"{NAMES[measure]}, validation problems",
        old=found[0][1] if found[1:] else "",
        value=found[-1][1] if found else "",
        about=" and ".join(f"step {step}" for step in dict.fromkeys([found[0][0], found[-1][0]])) if found else "",
    )


def untrained_of(run: Run, measure: Measure) -> KeyFigure:
    """Build the figure of accuracy on the test problems before training."""
    found = untrained(run, measure)
    return KeyFigure(
        title=f"{NAMES[measure]} before training",
        value=percent(found),
        change=percent_cell(found).span,
        about=f"of {plural(found.n, 'test problem')}",
    )


def percent(value: Interval) -> str:
    """Write a rate without its interval; empty where it is undefined."""
    return f"{percent_cell(value).estimate} %" if value.is_defined else ""


def points(change: Interval) -> str:
    """Write a difference with its interval; empty where it is undefined."""
    estimate, span = percent_cell(change, signed=True)
    return f"{estimate} points {span}".strip() if change.is_defined else ""


def _mark(change: Interval) -> str:
    return interval_mark(change, low=-0.5, high=0.5, zero=True)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
