"""Supervised fine-tuning as a run: read, learn epoch by epoch, measure held-out loss, save, leave a model behind.

    data.json           digest of the file, how many examples were kept, held out and dropped
    metrics.jsonl       a row per step; held-out loss at step 0 and after each epoch
    checkpoints/        what a killed run resumes from, as in every run
    model/              at the end: a checkpoint, or with LoRA an adapter, to give as `model.path`

The order of examples is a hash of seed and epoch, so a resumed run is the run that was never killed.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from secondthought import rng, tasks
from secondthought.errors import ConfigError, RunError
from secondthought.policies.hf import HFPolicy
from secondthought.policies.loading import load_policy
from secondthought.runs import files
from secondthought.runs.console import Console
from secondthought.runs.directory import RunDirectory
from secondthought.runs.recorder import Recorder, read_metrics
from secondthought.train import checkpoint
from secondthought.train.frame import framed
from secondthought.train.sft_config import SftConfig
from secondthought.train.sft_data import Examples, read_examples, split
from secondthought.train.sft_learner import SftLearner
from secondthought.train.world import World

ARM = "sft"
MODEL = "model"
"""Directory of the trained model in a finished run."""
DATA = "data.json"
SHOWN = {"loss/sft": "loss", "eval/loss": "held out"}
"""Metrics on the progress line, and what they are called there."""


def train_sft(
    config: SftConfig,
    *,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
    command: Sequence[str] = (),
) -> dict[str, Any]:
    """Run to the end, or from where it stood with `resume`, and return `summary.json`.

    The trained model is then in `model_of(config.run_dir)`. Under `torchrun` all processes call this alike.

    Raises:
        SecondthoughtError: a setting, the data, the model or the directory is wrong.
    """
    if config.data is None:
        raise ConfigError("data is missing: name a file of JSON lines with --data FILE")
    path = config.data
    return framed(
        config,
        lambda run, world: _Sft(config, path, run, world, quiet=quiet).complete(),
        timeout_s=config.train.timeout_s,
        resume=resume,
        overwrite=overwrite,
        command=command,
        facts={"arm": ARM, "seed": config.seed, "model": config.model.path},
    )


def model_of(run_dir: Path) -> Path:
    """Where a finished run keeps its model, to be given as `model.path`.

    Raises:
        RunError: there is no such run, or it is not finished.
    """
    run = RunDirectory.open(run_dir)
    if run.summary().get("status") != "finished" or not (run.path / MODEL).is_dir():
        raise RunError(f"{run_dir}: is no finished run of `train sft`; run or resume it first")
    return run.path / MODEL


@dataclass(slots=True)
class _Progress:
    """Where a run stands: what a checkpoint carries besides weights."""

    step: int = 0
    best_step: int = 0
    best_loss: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Which examples each step learns from."""

    num_examples: int
    batch_size: int
    steps_per_epoch: int
    steps: int
    seed: int

    @classmethod
    def of(cls, config: SftConfig, num_examples: int) -> Plan:
        """The steps that a config makes of so many examples.

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
        """Places of the examples of a step, which counts from 1: each epoch is an order of its own."""
        epoch, number = divmod(step - 1, self.steps_per_epoch)
        order = _order(self.seed, epoch, self.num_examples)
        return order[number * self.batch_size : (number + 1) * self.batch_size]

    def ends_epoch(self, step: int) -> bool:
        """Whether an epoch, or the run, is over after this step."""
        return step == self.steps or (step > 0 and step % self.steps_per_epoch == 0)


@functools.lru_cache(maxsize=2)
def _order(seed: int, epoch: int, size: int) -> list[int]:
    order = list(range(size))
    rng.stream(seed, "sft", "order", epoch).shuffle(order)
    return order


class _Sft:
    """The stages of one run, in order."""

    def __init__(self, config: SftConfig, data: Path, run: RunDirectory, world: World, *, quiet: bool) -> None:
        self.config = config
        self.run = run
        self.world = world
        self.policy: HFPolicy = load_policy(config.model)
        task = None if config.task is None else tasks.load(config.task, config.options)
        found = read_examples(data, self.policy, task, max_length=config.max_length, too_long=config.too_long)
        self.examples, self.held_out = split(found.kept, config.eval_share, config.seed)
        self.plan = Plan.of(config, len(self.examples))
        self.learner = SftLearner(self.policy, config.optim, config.train, total_steps=self.plan.steps, world=world)
        self.facts = self._facts(data, found)
        self.progress = _Progress()
        self.quiet = quiet
        self.recorder: Recorder | None = None

    def complete(self) -> dict[str, Any]:
        """All stages; returns the summary."""
        self._begin()
        self.console = self._console()
        with self.console:
            self.console.note(self._sentence())
            if self.progress.step == 0 and self.held_out:
                self._record(0, self._evaluation())
            while self.progress.step < self.plan.steps:
                self._step()
        return self.world.first("the summary", self._finish)

    def _begin(self) -> None:
        """Take up the last checkpoint, and forget what came after it: it is about to be done again."""
        checkpoints = self.run.checkpoints
        if self.world.is_first:
            self._keep_facts()
        last = checkpoints.pointer("last")
        if last is not None:
            state = checkpoint.load(checkpoints.at(last["step"]), self.policy, self.learner)
            self.progress = _Progress(**state)
        step = self.progress.step
        if self.world.is_first:
            self.recorder = Recorder(self.run)
            self.recorder.truncate_after(step if last is not None else -1)
            if last is not None:
                self._point_best()
                checkpoints.prune(keep=self._kept())
        self.world.gather("the steps so far", None)

    def _step(self) -> None:
        began = time.perf_counter()
        self.progress.step += 1
        step = self.progress.step
        stats = self.learner.update([self.examples[place] for place in self.plan.batch(step)], step)
        metrics = {
            "loss/sft": stats.loss,
            "optim/grad_norm": stats.grad_norm,
            "optim/lr": stats.lr,
            "tokens/learned": stats.tokens_learned,
            "tokens/forward": stats.tokens_forward,
            "sft/epoch": step / self.plan.steps_per_epoch,
        }
        ends_epoch, every = self.plan.ends_epoch(step), self.config.train.checkpoint_every
        is_due = ends_epoch or (every is not None and step % every == 0)
        if is_due:
            self.learner.sync()
        if ends_epoch and self.held_out:
            metrics |= self._evaluation()
        self._record(step, {**metrics, "time/step": time.perf_counter() - began})
        if is_due:
            self._save()

    def _evaluation(self) -> dict[str, float]:
        """The held-out loss of the policy as it is now; the lowest so far makes it the best."""
        loss = self.learner.held_out_loss(self.held_out)
        progress = self.progress
        if progress.step and (progress.best_loss is None or loss < progress.best_loss):
            progress.best_step, progress.best_loss = progress.step, loss
        return {"eval/loss": loss}

    def _record(self, step: int, metrics: Mapping[str, float]) -> None:
        if self.recorder is not None:
            self.recorder.metrics(step, metrics)
            self.console.step(step, metrics, self._share_done())

    def _save(self) -> None:
        """A checkpoint, with the pointers moved only once it is whole."""
        checkpoints, progress = self.run.checkpoints, self.progress
        if not self.held_out:
            progress.best_step = progress.step
        with self.world.led("a checkpoint", checkpoints.new(progress.step)) as directory:
            checkpoint.save(directory, self.policy, self.learner, asdict(progress))
        if self.world.is_first:
            self._point_best()
            checkpoints.point("last", progress.step)
            checkpoints.prune(keep=self._kept())

    def _point_best(self) -> None:
        """Where nothing was measured yet, the last is as good as any."""
        best, progress = self.run.checkpoints, self.progress
        facts = {} if progress.best_loss is None else {"eval_loss": progress.best_loss}
        best.point("best", progress.best_step or progress.step, **facts)

    def _kept(self) -> list[int]:
        steps = range(1, self.progress.step + 1)
        return [step for step in steps if self.config.train.keep_epochs and self.plan.ends_epoch(step)]

    def _finish(self) -> dict[str, Any]:
        chosen = self.progress.best_step if self.config.train.final == "best" else self.progress.step
        checkpoint.load_weights(self.run.checkpoints.at(chosen), self.policy)
        with files.new_directory(self.run.path / MODEL) as directory:
            self.policy.save(directory)
        rows = read_metrics(self.run.metrics_path)
        losses = [row["eval/loss"] for row in rows if "eval/loss" in row]
        self.run.write_summary(
            "finished",
            {
                "arm": ARM,
                "seed": self.config.seed,
                "model": self.config.model.path,
                **self.facts,
                "checkpoint": MODEL,
                "chosen_step": chosen,
                "steps": self.progress.step,
                "best_step": self.progress.best_step,
                "loss": rows[-1]["loss/sft"],
                "eval_loss_before": losses[0] if losses else math.nan,
                "eval_loss_after": losses[-1] if losses else math.nan,
                "tokens_learned": sum(row.get("tokens/learned", 0) for row in rows),
                "seconds": sum(row.get("time/step", 0.0) for row in rows),
            },
        )
        return self.run.summary()

    def _facts(self, path: Path, found: Examples) -> dict[str, Any]:
        return {
            "data": str(path),
            "digest": found.digest,
            "examples": len(self.examples),
            "held_out": len(self.held_out),
            "too_long": len(found.dropped_lines),
            "too_long_lines": list(found.dropped_lines),
            "tokens": sum(example.num_tokens for example in self.examples),
            "completion_tokens": sum(len(example.completion) for example in self.examples),
        }

    def _keep_facts(self) -> None:
        """Write what the data was, or refuse to go on with other data."""
        path = self.run.path / DATA
        if path.exists() and files.read_json(path).get("digest") != self.facts["digest"]:
            raise RunError(
                f"{self.facts['data']}: is not the file that the run in {self.run.path} began with; put it back, or "
                "start anew with --overwrite"
            )
        files.write_json(path, self.facts)

    def _sentence(self) -> str:
        facts, plan = self.facts, self.plan
        dropped = f", {facts['too_long']} dropped as longer than {self.config.max_length}" if facts["too_long"] else ""
        return (
            f"{facts['examples']} examples of {facts['tokens']} tokens, {facts['completion_tokens']} of them learned; "
            f"{facts['held_out']} held out{dropped}; {plan.steps} steps, {plan.steps_per_epoch} an epoch"
        )

    def _console(self) -> Console:
        """The live view, from where a resumed run stands."""
        start = self._share_done()
        return Console(self.plan.steps, start=start, shown=self.progress.step, names=SHOWN, quiet=self.quiet)

    def _share_done(self) -> float:
        return self.progress.step / self.plan.steps
