"""Inputs of a run of fine-tuning are read before anything is written: the model, the examples, their order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secondthought import tasks
from secondthought.config.sft import SftConfig
from secondthought.errors import ConfigError
from secondthought.models.loading import load_model
from secondthought.models.local import LocalModel
from secondthought.train.likelihood.material import Example, epoch_order
from secondthought.train.sft.examples import Examples, read_examples, split


@dataclass(frozen=True, slots=True)
class ExampleOrder:
    """The order in which a run goes through its examples: which ones each step learns from."""

    num_examples: int
    batch_size: int
    steps_per_epoch: int
    steps: int
    seed: int

    @classmethod
    def of(cls, config: SftConfig, num_examples: int) -> ExampleOrder:
        """Build the steps that a config makes of so many examples.

        Raises:
            ConfigError: they do not fill a batch.
        """
        size, train = config.train.batch_size, config.train
        per_epoch = num_examples // size if train.drop_last else math.ceil(num_examples / size)
        if not per_epoch:
            raise ConfigError(
                f"train.drop_last: {num_examples} examples do not fill a batch of {size}; lower train.batch_size"
            )
        return cls(num_examples, size, per_epoch, train.steps or train.epochs * per_epoch, config.seed)

    def batch(self, step: int) -> list[int]:
        """Return the places of a step's examples; steps count from 1, and each epoch has an order of its own."""
        epoch, number = divmod(step - 1, self.steps_per_epoch)
        order = epoch_order("sft", self.seed, epoch, self.num_examples)
        return list(order[number * self.batch_size : (number + 1) * self.batch_size])

    def ends_epoch(self, step: int) -> bool:
        """Return whether an epoch, or the run, is over after this step."""
        return step == self.steps or (step > 0 and step % self.steps_per_epoch == 0)


@dataclass(frozen=True, slots=True)
class SftMaterial:
    """Inputs of a run: model, examples and their order, read before anything is written."""

    config: SftConfig
    path: Path
    policy: LocalModel
    found: Examples
    examples: list[Example]
    held_out: list[Example]
    plan: ExampleOrder

    @classmethod
    def read(cls, config: SftConfig, path: Path) -> SftMaterial:
        """Read the model and the examples that a config names."""
        policy = load_model(config.model, LocalModel)
        policy.shares(config.train.share_trunk)  # what is wrong with a model is said before anything is written
        task = None if config.task is None else tasks.load(config.task, config.options)
        found = read_examples(path, policy, task, max_length=config.max_length, too_long=config.too_long)
        examples, held_out = split(found.kept, config.eval_share, config.seed)
        return cls(config, path, policy, found, examples, held_out, ExampleOrder.of(config, len(examples)))

    @property
    def steps(self) -> int:
        """Return how many steps the run has."""
        return self.plan.steps

    def batch(self, step: int) -> list[Example]:
        """Return the examples of a step."""
        return [self.examples[place] for place in self.plan.batch(step)]

    def epoch(self, step: int) -> float:
        """Return how often every example has been learned from."""
        return step / self.plan.steps_per_epoch

    def is_measured(self, step: int) -> bool:
        """Return whether an epoch, or the run, is over after this step."""
        return self.plan.ends_epoch(step)

    def keeps(self, step: int) -> bool:
        """Return whether this step ends an epoch whose checkpoint is to stay."""
        return self.config.train.keep_epochs and self.plan.ends_epoch(step)

    def facts(self) -> dict[str, Any]:
        """Return what `data.json` says, and the summary with it."""
        return {
            "data": str(self.path),
            "digest": self.found.digest,
            "examples": len(self.examples),
            "held_out": len(self.held_out),
            "too_long": len(self.found.dropped_lines),
            "too_long_lines": list(self.found.dropped_lines),
            "tokens": sum(example.num_tokens for example in self.examples),
            "completion_tokens": sum(len(example.completion) for example in self.examples),
        }

    def sentence(self) -> str:
        """Return what is learned from, in words."""
        facts, plan = self.facts(), self.plan
        dropped = f", {facts['too_long']} dropped as longer than {self.config.max_length}" if facts["too_long"] else ""
        return (
            f"{facts['examples']} examples of {facts['tokens']} tokens, {facts['completion_tokens']} of them learned; "
            f"{facts['held_out']} held out{dropped}; {plan.steps} steps, {plan.steps_per_epoch} an epoch"
        )
