"""Levels of an arm are pooled over its seeds: accuracy before and after, and retries after two kinds of reflection."""

from __future__ import annotations

from dataclasses import dataclass

from secondthought.report.numbers.gains import TEMPERATURE, Measure, interval, rate
from secondthought.report.numbers.pooled import minus, over_seeds
from secondthought.report.numbers.primed_arms import share_over_seeds
from secondthought.report.numbers.runs import Arm, Run, get
from secondthought.stats import Interval, wilson


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """A `Listening` compares retries after the model's own reflection with those after another problem's."""

    own: Interval
    another: Interval
    difference: Interval


def measure_of(arm: Arm) -> Measure:
    """Return what an arm is measured by: second tries, unless its evaluation plays one."""
    return "first_try" if get(arm.runs[0].config, "evaluation", "tries") == 1 else "second_try"


def accuracy(arm: Arm, when: str, measure: Measure) -> Interval:
    """Return the share of test problems that an arm solves at temperature 1, over seeds."""
    return share_over_seeds(arm, when, [rate(run, when, measure) for run in arm.runs])


def listening(arm: Arm, when: str) -> Listening:
    """Return how retries compare, over seeds; undefined where controls were not played."""
    seeds = [(_control(run, when, "own"), _control(run, when, "shuffled")) for run in arm.runs]
    differences = [minus(own, another) for own, another in seeds]
    return Listening(
        own=share_over_seeds(arm, when, [own for own, _ in seeds]),
        another=share_over_seeds(arm, when, [another for _, another in seeds]),
        difference=differences[0] if len(differences) == 1 else over_seeds(differences),
    )


def untrained(run: Run, measure: Measure) -> Interval:
    """Return the accuracy before training from the problems themselves, which are there before any summary is."""
    solved = [getattr(outcome, measure) for outcome in run.outcomes(f"before_{TEMPERATURE}").values()]
    return wilson(sum(solved), len(solved))


def _control(run: Run, when: str, name: str) -> Interval:
    return interval(get(run.summary, "controls", when, name))
