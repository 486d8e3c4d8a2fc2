"""What a model could do before training, can it do after? First tries at other tasks, item by item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from secondthought.config import EpisodeConfig
from secondthought.evaluate.evaluation import evaluate
from secondthought.progress import SILENT, Onlooker
from secondthought.protocols import Policy, Task
from secondthought.rollout.player import Keys, Player
from secondthought.stats import Interval, NonInferiority, non_inferiority, to_json, wilson
from secondthought.types import Problem


class Exam(Protocol):
    """An `Exam` is what a model was not trained on: items that it gets right or wrong, the same for every model."""

    name: str

    def right(self, policy: Policy, onlooker: Onlooker) -> list[bool]:
        """Return for each item, in order, whether the policy gets it right."""
        ...


@dataclass(slots=True, kw_only=True)
class TaskExam:
    """A `TaskExam` asks problems of a task once each, and the task's own check says what is right.

    `episode` sets lengths and texts of a try; temperature 0 takes the likeliest token; equal seeds sample alike.
    """

    name: str
    task: Task
    problems: Sequence[Problem]
    episode: EpisodeConfig
    temperature: float = 0.0
    seed: int = 0

    def right(self, policy: Policy, onlooker: Onlooker) -> list[bool]:
        """See `Exam.right`."""
        player = Player.resolve(policy, self.task, self.episode, self.temperature, onlooker=onlooker)
        rows = evaluate(player, self.problems, num_tries=1, keys=Keys(seed=self.seed, phase="forget")).rows
        return [row.solved_by(1) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetting:
    """A `Forgetting` says how two models do on one task."""

    task: str
    before: Interval
    after: Interval
    found: NonInferiority

    def to_json(self) -> dict[str, Any]:
        """Return all of it, as `--json` prints it."""
        shares = to_json({"before": self.before, "after": self.after})
        return {"task": self.task, **shares, **self.found.to_json()}


def forgetting(
    models: tuple[str, str],
    exams: Sequence[Exam],
    load: Callable[[str], Policy],
    *,
    margin: float,
    onlooker: Onlooker = SILENT,
) -> list[Forgetting]:
    """Let both models sit the same exams, one model after the other.

    Args:
        models: names that `load` knows, the one before training first.
        exams: what is asked.
        load: makes a policy of a name.
        margin: loss in the share of right answers that is taken for none.
        onlooker: who is told how far it is.
    """
    before, after = (_answered(name, exams, load(name), onlooker) for name in models)
    return [
        Forgetting(
            task=exam.name,
            before=wilson(sum(old), len(old)),
            after=wilson(sum(new), len(new)),
            found=non_inferiority(new, old, margin),
        )
        for exam, old, new in zip(exams, before, after, strict=True)
    ]


def _answered(name: str, exams: Sequence[Exam], policy: Policy, onlooker: Onlooker) -> list[list[bool]]:
    """Return for each exam which of its items a model gets right."""
    right = list[list[bool]]()
    for exam in exams:
        with onlooker.stage(f"{name}: {exam.name}"):
            right.append(exam.right(policy, onlooker))
    return right
