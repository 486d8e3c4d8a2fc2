"""What a model could do before training, can it do after? First tries at other tasks, item by item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from secondthought.config import EpisodeConfig
from secondthought.evaluate.evaluation import evaluate
from secondthought.progress import SILENT, Onlooker
from secondthought.protocols import Policy, Task
from secondthought.rollout.player import Keys, Player
from secondthought.stats import Interval, NonInferiority, non_inferiority, to_json, wilson
from secondthought.types import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherTask:
    """An `OtherTask` is a task that a model was not trained on, with the problems that both models answer."""

    name: str
    task: Task
    problems: Sequence[Problem]


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
    tasks: Sequence[OtherTask],
    load: Callable[[str], Policy],
    episode: EpisodeConfig,
    *,
    margin: float,
    temperature: float = 0.0,
    seed: int = 0,
    onlooker: Onlooker = SILENT,
) -> list[Forgetting]:
    """Let both models answer the same problems once, one model after the other.

    Args:
        models: names that `load` knows, the one before training first.
        tasks: what is asked.
        load: makes a policy of a name.
        episode: lengths and texts of a try.
        margin: loss in the share of right answers that is taken for none.
        temperature: of the tries; 0 takes the likeliest token.
        seed: of what is sampled, the same for both.
        onlooker: who is told how far it is.
    """
    before, after = (_answered(name, tasks, load, episode, temperature, seed, onlooker) for name in models)
    return [
        Forgetting(
            task=item.name,
            before=wilson(sum(old), len(old)),
            after=wilson(sum(new), len(new)),
            found=non_inferiority(new, old, margin),
        )
        for item, old, new in zip(tasks, before, after, strict=True)
    ]


def _answered(
    name: str,
    tasks: Sequence[OtherTask],
    load: Callable[[str], Policy],
    episode: EpisodeConfig,
    temperature: float,
    seed: int,
    onlooker: Onlooker,
) -> list[list[bool]]:
    """Return for each task which of its problems a model answers right."""
    policy, right = load(name), list[list[bool]]()
    for item in tasks:
        player = Player.resolve(policy, item.task, episode, temperature, onlooker=onlooker)
        keys = Keys(seed=seed, phase="forget")
        with onlooker.stage(f"{name}: {item.name}"):
            rows = evaluate(player, item.problems, num_tries=1, keys=keys).rows
        right.append([row.solved_by(1) for row in rows])
    return right
