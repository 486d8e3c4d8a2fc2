"""Metrics become curves over steps. With one arm a chart's metrics share it; several arms have a chart per metric."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from secondthought.report.numbers.about import GIVEN_TEXTS, GivenTexts, given_texts
from secondthought.report.numbers.inputs import ReportInputs
from secondthought.report.numbers.runs import Arm, Run
from secondthought.report.page.figures import Chart, ChartLine, ChartPoint, DrawnCharts, line_chart

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class ChartSpec:
    """A `ChartSpec` has a title, a sentence on what the chart shows, and metrics with their names in the legend."""

    title: str
    about: str
    metrics: tuple[tuple[str, str], ...]
    percent: bool = False


SPECS = (
    ChartSpec("Reward", "Mean reward of the branches of a step's groups.", (("reward/mean", "reward"),)),
    ChartSpec(
        "Rescue rate",
        "Failed first tries whose retry is right. Under an oracle's reflection it must not fall: if it does, "
        "the untrained turns drift.",
        (("eval/rescue_oracle", "after an oracle's reflection"), ("eval/rescue", "after its own")),
        percent=True,
    ),
    ChartSpec(
        "Lengths",
        "Mean tokens of a turn.",
        (
            ("rollout/reflection_length_mean", "reflection"),
            ("rollout/attempt_length_mean", "first try"),
            ("rollout/retry_length_mean", "retry"),
        ),
    ),
    ChartSpec(
        "KL to the reference",
        "Nats per token: on tokens that learn, and on sampled tokens that must not.",
        (("policy/kl_ref", "learned tokens"), ("policy/kl_anchor", "other sampled tokens")),
    ),
    ChartSpec(
        "Flat groups",
        "Share of groups in which all branches earned the same: nothing is learned from them.",
        (("groups/flat_share", "flat"),),
        percent=True,
    ),
    ChartSpec(
        "Entropy",
        "Nats per learned token. A collapse to zero ends exploration.",
        (("policy/entropy", "entropy"),),
    ),
    ChartSpec("Gradient norm", "Before clipping.", (("optim/grad_norm", "gradient norm"),)),
)

ACCURACY = ChartSpec(
    "Accuracy on validation problems",
    "Solved by the first try, and by the first two.",
    (("eval/second_try", "second try"), ("eval/first_try", "first try")),
    percent=True,
)
"""The chart that says whether a run learns; it stands before all others."""


def loss_chart(kind: GivenTexts, *, several: bool) -> ChartSpec:
    """Return the chart that says whether a training on given texts learns; for others it is not said to be missing."""
    about = "Nats per token of the texts given: of those learned from, and of those held out."
    title = f"Loss of {kind.name}" if several else "Loss"
    return ChartSpec(title, about, ((kind.loss, "learned from"), ("eval/loss", "held out")))


def main_charts(inputs: ReportInputs) -> DrawnCharts:
    """Draw the charts that say whether these runs learn."""
    kinds = [kind for kind in GIVEN_TEXTS.values() if kind in map(given_texts, inputs.runs)]
    charts = [loss_chart(kind, several=len(kinds) > 1) for kind in kinds]
    return drawn_charts(inputs.arms, [*charts, ACCURACY])


def metric_charts(inputs: ReportInputs) -> DrawnCharts:
    """Draw the charts of `SPECS` that have data, and name those that have none; after `main_charts`."""
    found = drawn_charts(inputs.arms, SPECS)
    return DrawnCharts(found.charts, [*main_charts(inputs).absent, *found.absent])


def drawn_charts(arms: Sequence[Arm], specs: Sequence[ChartSpec]) -> DrawnCharts:
    """Draw the charts that have data, and name those that have none."""
    drawn: list[Chart] = []
    absent: list[str] = []
    for spec in specs if len(arms) == 1 else per_metric(specs):
        lines = [line for line in _lines(spec, arms) if any(line.series)]
        if svg := line_chart(lines, label=f"{spec.title} over steps", percent=spec.percent):
            legend = (
                tuple((line.label, line.colour) for line in lines) if len(lines) > 1 or len(spec.metrics) > 1 else ()
            )
            drawn.append(Chart(spec.title, spec.about, legend, svg))
        else:
            absent.append(spec.title)
    return DrawnCharts(drawn, absent)


def per_metric(specs: Sequence[ChartSpec]) -> Iterator[ChartSpec]:
    """Yield a chart for each metric."""
    for spec in specs:
        for metric, name in spec.metrics:
            title = spec.title if len(spec.metrics) == 1 else f"{spec.title}: {name}"
            yield ChartSpec(title, spec.about, ((metric, name),), spec.percent)


def _lines(spec: ChartSpec, arms: Sequence[Arm]) -> Iterator[ChartLine]:
    if len(arms) == 1:
        for colour, (metric, name) in enumerate(spec.metrics):
            yield ChartLine(label=name, colour=colour, series=_series(arms[0], metric))
    else:
        for index, arm in enumerate(arms):
            yield ChartLine(label=arm.name, colour=index, series=_series(arm, spec.metrics[0][0]))


def _series(arm: Arm, metric: str) -> tuple[tuple[ChartPoint, ...], ...]:
    return tuple(points for run in arm.runs if (points := tuple(_points(run, metric))))


def _points(run: Run, metric: str) -> Iterator[ChartPoint]:
    for row in run.metrics:
        value = row.get(metric, NAN)
        if not math.isnan(value):
            yield ChartPoint(row["step"], value, row.get(f"{metric}_low", NAN), row.get(f"{metric}_high", NAN))
