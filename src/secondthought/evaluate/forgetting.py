"""What a model could do before training, can it do after? First tries at other tasks, item by item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from secondthought.config import EpisodeConfig
from secondthought.evaluate.compare import Difference, paired
from secondthought.evaluate.evaluation import evaluate
from secondthought.evaluate.kept_answers import Exam, KeptAnswers
from secondthought.progress import SILENT, Onlooker
from secondthought.protocols import Policy, Task
from secondthought.rollout.player import Keys, Player
from secondthought.runs import contents
from secondthought.stats import Interval, NonInferiority, non_inferiority, to_json, wilson
from secondthought.types import Problem


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

    def asks(self) -> dict[str, Any]:
        """See `Exam.asks`."""
        return {
            "code": contents.digest_of_code(type(self.task)),
            "problems": [[item.id, item.messages, item.tools, dict(item.data)] for item in self.problems],
            "episode": self.episode.model_dump(mode="json"),
            "temperature": self.temperature,
            "seed": self.seed,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetting:
    """A `Forgetting` says how a model does on one task before and after training."""

    task: str
    model: str
    """The one after training."""
    before: Interval
    after: Interval
    found: NonInferiority

    def to_json(self) -> dict[str, Any]:
        """Return all of it, as `--json` prints it."""
        shares = to_json({"before": self.before, "after": self.after})
        return {"task": self.task, "model": self.model, **shares, **self.found.to_json()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """A `Contrast` says by how much one trained model does better on a task than another."""

    task: str
    model: str
    other: str
    found: Difference
    """`model` minus `other`."""

    def to_json(self) -> dict[str, Any]:
        """Return all of it, as `--json` prints it."""
        return {"task": self.task, "model": self.model, "other": self.other, "difference": self.found.to_json()}


def forgetting(
    before: str,
    after: Sequence[str],
    exams: Sequence[Exam],
    load: Callable[[str], Policy],
    *,
    margin: float,
    kept: Path | None = None,
    onlooker: Onlooker = SILENT,
) -> tuple[list[Forgetting], list[Contrast]]:
    """Let models sit the same exams, one model after the other, and compare each with the one before training.

    Args:
        before: the name of the model before training.
        after: names of the models after it.
        exams: what is asked.
        load: makes a policy of a name.
        margin: loss in the share of right answers that is taken for none.
        kept: a folder in which answers are kept, and found again; None keeps nothing.
        onlooker: who is told how far it is.

    Raises:
        RunError: the folder cannot be written.

    Returns:
        What each trained model kept of each task, and each later one of them beside each earlier one.
    """
    right = {name: _answered(name, exams, KeptAnswers(kept, load(name)), onlooker) for name in (before, *after)}
    places = list(enumerate(exam.name for exam in exams))
    found = [_kept(task, name, right[name][n], right[before][n], margin) for n, task in places for name in after]
    contrasts = [
        Contrast(task=task, model=model, other=other, found=paired(right[model][n], right[other][n]))
        for n, task in places
        for other, model in combinations(after, 2)
    ]
    return found, contrasts


def _kept(task: str, model: str, new: Sequence[bool], old: Sequence[bool], margin: float) -> Forgetting:
    return Forgetting(
        task=task,
        model=model,
        before=wilson(sum(old), len(old)),
        after=wilson(sum(new), len(new)),
        found=non_inferiority(new, old, margin),
    )


def _answered(name: str, exams: Sequence[Exam], answers: KeptAnswers, onlooker: Onlooker) -> list[list[bool]]:
    """Return for each exam which of its items a model gets right."""
    right = list[list[bool]]()
    for exam in exams:
        with onlooker.stage(f"{name}: {exam.name}"):
            right.append(answers.right(exam, onlooker))
    return right
