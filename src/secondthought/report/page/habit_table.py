"""The table of bases and priming has a row for each arm: accuracy, format, length and habits, before RL and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from secondthought.habits.catalog import SHIPPED
from secondthought.report.numbers.gains import rate
from secondthought.report.numbers.primed_arms import base_of, evaluated, mean_over_seeds, presence, share_over_seeds
from secondthought.report.numbers.runs import Arm
from secondthought.report.page.tables import Cell, percent_cell, seed_names, tokens_cell
from secondthought.stats import Interval

SIDES = ("before", "after")


@dataclass(frozen=True, slots=True, kw_only=True)
class HabitRow:
    """A `HabitRow` is one arm: each cell before RL and after it."""

    name: str
    seeds: str
    accuracy: tuple[Cell, ...]
    format_valid: tuple[Cell, ...]
    length: tuple[Cell, ...]
    presence: tuple[tuple[Cell, ...], ...]
    """Shares of the shipped habits, in their order."""


def habit_rows(arms: Sequence[Arm]) -> list[HabitRow]:
    """Return the rows of the arms whose base is known, from their runs that were evaluated, if any was."""
    return [_row(arm) for arm in evaluated(arms) if base_of(arm)]


def _row(arm: Arm) -> HabitRow:
    return HabitRow(
        name=arm.name,
        seeds=seed_names(arm),
        accuracy=_cells(arm, "first_try"),
        format_valid=_cells(arm, "format_valid"),
        length=_cells(arm, "attempt_length", mean_over_seeds, tokens_cell),
        presence=tuple(tuple(percent_cell(presence(arm, when, habit)) for when in SIDES) for habit in SHIPPED),
    )


def _cells(
    arm: Arm,
    name: str,
    pool: Callable[[Arm, str, Sequence[Interval]], Interval] = share_over_seeds,
    cell: Callable[[Interval], Cell] = percent_cell,
) -> tuple[Cell, ...]:
    return tuple(cell(pool(arm, when, [rate(run, when, name) for run in arm.runs])) for when in SIDES)
