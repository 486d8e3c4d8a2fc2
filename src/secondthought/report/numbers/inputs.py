"""Inputs are all that a page is made from: arms of runs, their texts' readers and habits, and published curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from secondthought.report.numbers.published_curves import PublishedCurves, read_all
from secondthought.report.numbers.readers import Reader, readers
from secondthought.report.numbers.run_habits import RunHabits, run_habits
from secondthought.report.numbers.runs import Arm, Run, arms


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInputs:
    """`ReportInputs` holds the arms, who reads the texts of each run, the habits found, and published curves by model.

    Readers and habits go by the label of the run.
    """

    arms: Sequence[Arm]
    readers: Mapping[str, Sequence[Reader]] = field(default_factory=dict)
    habits: Mapping[str, Sequence[RunHabits]] = field(default_factory=dict)
    published: Sequence[PublishedCurves] = ()

    @property
    def runs(self) -> list[Run]:
        """Return the runs in the order of their arms: those first on which the claims are decided."""
        return [run for arm in self.arms for run in arm.runs]


def gather(runs: Sequence[Run], published: Sequence[Path] = ()) -> ReportInputs:
    """Build the inputs from runs and files of published curves.

    Raises:
        RunError: a file of published curves cannot be read, or lacks a column.
    """
    by_label = {run.label: readers(run) for run in runs}
    found = {run.label: run_habits(run, by_label[run.label]) for run in runs}
    return ReportInputs(arms=arms(runs), readers=by_label, habits=found, published=read_all(published))
