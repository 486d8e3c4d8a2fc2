"""The arms of Four Habits: a base model, primed or not (as a study declares it), after the same RL; their table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from secondthought.report.numbers.gains import TEMPERATURE, Gain, interval, level_table, rate
from secondthought.report.numbers.pooled import UNDEFINED, Interval, over_seeds, over_seeds_and_problems
from secondthought.report.numbers.runs import Arm, get
from secondthought.report.page.tables import Cell, percent_cell, tokens_cell

BEHAVIORS = ("verification", "backtracking", "subgoal_setting", "backward_chaining")


@dataclass(frozen=True, slots=True, kw_only=True)
class HabitRow:
    """One arm: each cell before RL and after it."""

    name: str
    seeds: str
    accuracy: tuple[Cell, Cell]
    format_valid: tuple[Cell, Cell]
    length: tuple[Cell, Cell]
    presence: tuple[tuple[Cell, Cell], ...]
    """Of the behaviours in the order of `BEHAVIORS`."""


def has_origins(arms: Sequence[Arm]) -> bool:
    """True if these runs say where their models come from: then this page is about them."""
    return any(base_of(arm) for arm in arms)


def base_of(arm: Arm) -> str:
    """Name of its model before any priming; empty where runs do not say."""
    return arm.declared.base


def priming_of(arm: Arm) -> str:
    """Name of the set that it was primed with; empty if none."""
    return arm.declared.priming


def evaluated(arms: Sequence[Arm]) -> list[Arm]:
    """The arms with those of their runs that were evaluated after RL, if any was: a study may be under way."""
    kept = [(arm, tuple(run for run in arm.runs if get(run.summary, "after", TEMPERATURE))) for arm in arms]
    return [replace(arm, runs=runs or arm.runs) for arm, runs in kept]


def habit_rows(arms: Sequence[Arm]) -> list[HabitRow]:
    """The table of arms."""
    return [
        HabitRow(
            name=arm.name,
            seeds=", ".join("?" if run.seed is None else str(run.seed) for run in arm.runs),
            accuracy=_pair(arm, "first_try"),
            format_valid=_pair(arm, "format_valid"),
            length=(
                tokens_cell(_mean(arm, "before", "attempt_length")),
                tokens_cell(_mean(arm, "after", "attempt_length")),
            ),
            presence=tuple(
                (percent_cell(presence(arm, "before", name)), percent_cell(presence(arm, "after", name)))
                for name in BEHAVIORS
            ),
        )
        for arm in evaluated(arms)
        if base_of(arm)
    ]


def level(arm: Arm, when: str = "after") -> Gain:
    """First-try accuracy of an arm at the temperature of training, each seed's and over seeds and problems."""
    seeds = tuple((run.seed, rate(run, when, "first_try")) for run in arm.runs)
    if any(one.estimate != one.estimate for _, one in seeds):
        return Gain(per_seed=seeds, pooled=UNDEFINED, num_seeds=arm.num_seeds, missing=f"{arm.name} was not evaluated")
    table = level_table(arm, "first_try", when)
    pooled = over_seeds([one for _, one in seeds]) if table is None else over_seeds_and_problems(table.values)
    return Gain(per_seed=seeds, pooled=pooled, num_seeds=arm.num_seeds)


def presence(arm: Arm, when: str, behavior: str) -> Interval:
    """Share of first tries that show a behaviour, over seeds."""
    shares = [get(run.summary, when, TEMPERATURE, "habits", "behaviors", behavior, "presence") for run in arm.runs]
    return share_over_seeds([interval(share) for share in shares])


def _pair(arm: Arm, name: str) -> tuple[Cell, Cell]:
    sides = [share_over_seeds([rate(run, when, name) for run in arm.runs]) for when in ("before", "after")]
    return percent_cell(sides[0]), percent_cell(sides[1])


def share_over_seeds(shares: Sequence[Interval]) -> Interval:
    """Over seeds, within 0 and 1. Before RL seeds share one evaluation, which then counts once."""
    if shares and all(share == shares[0] for share in shares):
        return shares[0]
    found = over_seeds(shares)
    return Interval(found.estimate, *(min(1.0, max(0.0, end)) for end in (found.low, found.high)))


def _mean(arm: Arm, when: str, name: str) -> Interval:
    means = [rate(run, when, name) for run in arm.runs]
    return means[0] if all(mean == means[0] for mean in means) else over_seeds(means)
