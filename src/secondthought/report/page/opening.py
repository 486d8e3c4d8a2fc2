"""The page opens with a title, one sentence and three figures: what is known of these runs, whatever they have reached.

Each kind of report has a way of its own to open. The first in `OPENINGS` that has something to say is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from secondthought.report.numbers.about import day_of, given_texts, steps_of, task_of
from secondthought.report.numbers.gains import Measure, gain, rate
from secondthought.report.numbers.inputs import ReportInputs
from secondthought.report.numbers.levels import accuracy, measure_of
from secondthought.report.numbers.primed_arms import base_of
from secondthought.report.numbers.runs import UNKNOWN, Arm, Run, get
from secondthought.report.page.cautions import cautions
from secondthought.report.page.key_figures import (
    KeyFigure,
    change_of,
    cost_of,
    listening_of,
    loss_of,
    percent,
    untrained_of,
    validation_of,
)
from secondthought.report.page.tables import seed_names
from secondthought.report.page.wording import days, listed, plural

WITHIN: dict[Measure, str] = {"second_try": "within two tries", "first_try": "at the first try"}


class Said(NamedTuple):
    """`Said` is the sentence that a page opens with, and its figures."""

    sentence: str
    figures: Sequence[KeyFigure]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOpening:
    """The `PageOpening` is what a reader sees first."""

    title: str
    when: str
    lead: str
    sentence: str
    figures: Sequence[KeyFigure]
    cautions: Sequence[str]


def opening(inputs: ReportInputs) -> PageOpening:
    """Build the opening of a report of runs."""
    said = next(found for say in OPENINGS if (found := say(inputs)) is not None)
    return PageOpening(
        title=_title(inputs),
        when=days(day_of(run) for run in inputs.runs),
        lead=listed([_lead(arm) for arm in inputs.arms], between="; "),
        sentence=said.sentence,
        figures=[figure for figure in said.figures if figure.value],
        cautions=cautions(inputs),
    )


def _title(inputs: ReportInputs) -> str:
    """Name what was done, on which task, with which models."""
    others = len(inputs.arms) - 1
    names = _name(inputs.arms[0]) + (f" and {plural(others, 'other arm')}" if others else "")
    tasks = listed([task for run in inputs.runs if (task := task_of(run))])
    models = listed([run.model for run in inputs.runs if run.model not in (UNKNOWN, run.declared.base)])
    return names + (f" on {tasks}" if tasks else "") + (f", model {models}" if models else "")


def _name(arm: Arm) -> str:
    kind = given_texts(arm.runs[0])
    return arm.name if kind is None else kind.name


def _lead(arm: Arm) -> str:
    return f"{_name(arm)}: seed{'s' if len(arm.runs) > 1 else ''} {seed_names(arm)}"


def _of_given_texts(inputs: ReportInputs) -> Said | None:
    """Say how the loss went: on held-out examples, or else on what was learned from."""
    run = inputs.runs[0]
    kinds = {given_texts(run) for run in inputs.runs}
    kind = given_texts(run)
    if kind is None or kinds != {kind}:
        return None
    held_out = loss_of(run, "eval/loss", f"Loss on held-out {kind.unit}s", "nats a token, first and last measured")
    learned = loss_of(run, kind.loss, "Loss on what is learned from", "nats a token, first and last step")
    shown = held_out if held_out.value else learned
    outcome = f"{shown.title[0].lower()}{shown.title[1:]} {_went(shown)}" if shown.value else "no loss was recorded yet"
    trained = f"{plural(steps_of(run), 'step')} of {kind.name}{_texts(run, kind.unit)}"
    sentence = f"After {trained}, {outcome}{_of_how_many(inputs)}."
    return Said(sentence, [held_out, learned, cost_of(inputs.runs, "learned from")])


def _texts(run: Run, unit: str) -> str:
    count, data = run.summary.get(f"{unit}s"), run.summary.get("data") or run.config.get("data")
    data = ", ".join(map(str, data)) if isinstance(data, list) else data
    return (f" on {plural(count, unit)}" if isinstance(count, int) else "") + (f" of {data}" if data else "")


def _went(figure: KeyFigure) -> str:
    return f"went from {figure.old} to {figure.value}" if figure.old else f"is {figure.value}"


def _of_how_many(inputs: ReportInputs) -> str:
    return f" (the first of {len(inputs.runs)} runs)" if len(inputs.runs) > 1 else ""


def _of_bases(inputs: ReportInputs) -> Said | None:
    """Say how far apart bases and primings come out of the same RL."""
    arms = [arm for arm in inputs.arms if base_of(arm) and accuracy(arm, "after", "first_try").is_defined]
    if len(arms) < 2:
        return None
    ranked = sorted(arms, key=lambda arm: accuracy(arm, "after", "first_try").estimate)
    least, most = (f"{percent(accuracy(arm, 'after', 'first_try'))} ({arm.name})" for arm in (ranked[0], ranked[-1]))
    sentence = f"From {len(arms)} starting points, the same RL leads to {least} to {most} of first tries right."
    figures = [change_of(arm, "first_try", f"First try, {arm.name}") for arm in (ranked[-1], ranked[0])]
    return Said(sentence, [*figures, cost_of(inputs.runs, "sampled")])


def _of_training(inputs: ReportInputs) -> Said | None:
    """Say what came of training on the test problems, of the first arm that was measured."""
    arm = next((arm for arm in inputs.arms if accuracy(arm, "after", measure_of(arm)).is_defined), None)
    if arm is None:
        return None
    measure, run = measure_of(arm), arm.runs[0]
    tested = " ".join(filter(None, (f"{rate(run, 'after', measure).n:,}", task_of(run), "test problems")))
    seeds = f", on average over {arm.num_seeds} seeds" if arm.num_seeds > 1 else ""
    sentence = (
        f"After {plural(steps_of(run), 'step')} of {arm.name}, {run.model} solves "
        f"{percent(accuracy(arm, 'after', measure))} of {tested} {WITHIN[measure]}{seeds}"
        f"{_against_before(arm, measure)}{_against_others(inputs.arms, arm, measure)}."
    )
    heard = listening_of(arm)
    other = heard if heard.value or measure == "first_try" else change_of(arm, "first_try")
    return Said(sentence, [change_of(arm, measure), other, cost_of(inputs.runs, "sampled")])


def _against_before(arm: Arm, measure: Measure) -> str:
    before, change = percent(accuracy(arm, "before", measure)), gain(arm, measure).pooled
    if not before:
        return ""
    if change.low > 0:
        return f", up from {before} before"
    if change.high < 0:
        return f", down from {before} before"
    return f"; before, it was {before}, and chance may explain the difference"


def _against_others(arms: Sequence[Arm], arm: Arm, measure: Measure) -> str:
    pooled = [gain(other, measure).pooled for other in arms if other is not arm]
    others = sorted(one.estimate for one in pooled if one.is_defined)
    if not others:
        return ""
    span = " to ".join(dict.fromkeys(f"{100 * end:+.1f}" for end in (others[0], others[-1])))
    return f"; {plural(len(others), 'other arm')} changed by {span} points"


def _under_way(inputs: ReportInputs) -> Said:
    """Say how far a run has come, and what validation tells."""
    run = inputs.runs[0]
    measure = measure_of(inputs.arms[0])
    validated = validation_of(run, measure)
    outcome = "nothing was measured yet"
    if validated.value:
        outcome = f"on validation problems, {WITHIN[measure]}, accuracy {_went(validated)} ({validated.about})"
    sentence = (
        f"{run.label} is {run.status}{_progress(run)}, without a final evaluation; {outcome}{_of_how_many(inputs)}."
    )
    return Said(sentence, [validated, untrained_of(run, measure), cost_of([run], "sampled")])


def _progress(run: Run) -> str:
    planned = get(run.config, "train", "steps")
    return f" at step {steps_of(run)}" + (f" of {planned}" if isinstance(planned, int) else "") if run.metrics else ""


OPENINGS: tuple[Callable[[ReportInputs], Said | None], ...] = (_of_given_texts, _of_bases, _of_training, _under_way)
"""The ways to open, of which the first that has something to say is taken; the last always has."""
