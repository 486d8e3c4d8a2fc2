"""The table of what the reward picks has a row for each arm and reader: right with a habit minus right without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from secondthought.habits.catalog import SHIPPED
from secondthought.report.numbers.habit_points import picked
from secondthought.report.numbers.inputs import ReportInputs
from secondthought.report.numbers.run_habits import RunHabits
from secondthought.report.numbers.runs import Arm
from secondthought.report.page.tables import Cell, percent_cell
from secondthought.stats import UNDEFINED


@dataclass(frozen=True, slots=True, kw_only=True)
class PickedRow:
    """A `PickedRow` is one arm as one reader sees it, over its seeds; cells go by the shipped habits, in order."""

    arm: str
    reader: str
    turn: str
    texts: str
    differences: Sequence[Cell]


def picked_rows(inputs: ReportInputs) -> list[PickedRow]:
    """Return a row for each arm and reader, where the reward had texts with a habit and without it to choose from."""
    return [row for arm in inputs.arms for row in _of_arm(arm, inputs.habits)]


def _of_arm(arm: Arm, habits: Mapping[str, Sequence[RunHabits]]) -> list[PickedRow]:
    found = [one for run in arm.runs for one in habits.get(run.label, ())]
    rows = []
    for reader, turn in dict.fromkeys((one.reader.name, one.turn) for one in found):
        points = [point for one in found if (one.reader.name, one.turn) == (reader, turn) for point in one.points]
        differences = picked(points)
        if any(each.is_defined for each in differences.values()):
            cells = [percent_cell(differences.get(name, UNDEFINED), signed=True) for name in SHIPPED]
            texts = f"{sum(point.texts for point in points):,}"
            rows.append(PickedRow(arm=arm.name, reader=reader, turn=turn, texts=texts, differences=cells))
    return rows
