"""A run's task, model and problems are all there before it begins, and so is room for the longest problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from secondthought import requirements, tasks
from secondthought.config import RunConfig
from secondthought.errors import ConfigError
from secondthought.inference.loading import load_policy
from secondthought.inference.local import LocalPolicy
from secondthought.progress import SILENT, Onlooker
from secondthought.protocols import Task
from secondthought.rollout import failure_file
from secondthought.rollout.player import TurnSampling
from secondthought.types import Failure, Problem, Prompt


@dataclass(frozen=True, slots=True)
class Loaded:
    """A task, a policy and their problems, all there before a run begins."""

    task: Task
    policy: LocalPolicy
    train: list[Problem]
    validation: list[Problem]
    test: list[Problem]
    failures: list[Failure] | None

    @classmethod
    def of(cls, config: RunConfig, onlooker: Onlooker = SILENT) -> Loaded:
        """Load what a config names; the onlooker is told how far it is.

        Raises:
            SecondthoughtError: something is missing or does not fit.
        """
        task = tasks.load(config.task.name, config.task.options)
        plan = requirements.plan_of(config, task)
        requirements.require(plan)
        train, validation, test = (draw.problems() for draw in plan.draws)
        policy = load_policy(config.model, onlooker, share_trunk=config.train.share_trunk)
        if config.episode.tries_by == "base" and policy.adapter is None:
            raise ConfigError(
                'episode.tries_by = "base" needs an adapter, without which the base model is what learns; set'
                " model.lora.rank = 16"
            )
        _require_room(policy, config, (*train, *validation, *test))
        path = config.train.failures
        return cls(
            task=task,
            policy=policy,
            train=train,
            validation=validation,
            test=test,
            failures=None if path is None else failure_file.read(path, task, policy),
        )


def _require_room(policy: LocalPolicy, config: RunConfig, problems: Sequence[Problem]) -> None:
    """Refuse a first try that the model's positions cannot hold, by the problems that are longest in characters.

    Raises:
        PolicyError: one would be longer.
    """
    longest = sorted(problems, key=_characters, reverse=True)[:3]
    prompts = [Prompt(trunk=policy.start(problem.messages, problem.tools), key=0) for problem in longest]
    policy.check_lengths(prompts, TurnSampling.resolve(config.episode).attempt)


def _characters(problem: Problem) -> int:
    """Return about how many characters a problem's prompt has, tools included."""
    return sum(len(message.content) for message in problem.messages) + len(repr(problem.tools))
