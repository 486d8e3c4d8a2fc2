"""Which problems a task keeps for its test: none of them may be trained on, wherever it comes from."""

from __future__ import annotations

from collections.abc import Callable

from secondthought.protocols import Task
from secondthought.tasks.abilities import SizedTask
from secondthought.tasks.mixture import Mixture
from secondthought.tasks.options import split_of
from secondthought.types import Problem


def held_out(task: Task) -> Callable[[Problem], bool]:
    """Return what tells whether a problem is of the task's test split.

    A task that holds a fixed number of problems is asked for all of them, since files and options decide how these
    are dealt out; of any other the identity decides (`options.split_of`).
    """
    if isinstance(task, Mixture):
        parts = {name: held_out(part) for name, part in task.parts.items()}
        return lambda problem: parts[problem.task](task.part_of(problem)[1])
    if isinstance(task, SizedTask):
        kept = frozenset(problem.id for problem in task.problems("test", task.held("test"), 0))
        return lambda problem: problem.id in kept
    return lambda problem: split_of(problem.id) == "test"
