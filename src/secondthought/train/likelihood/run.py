"""Training by likelihood as a run: learn step by step, measure the held-out loss, save, leave a model behind.

data.json           digest of the data, how much was kept, held out and dropped
metrics.jsonl       a row per step; held-out loss at step 0 and wherever it is measured
checkpoints/        what a killed run resumes from, as in every run
model/              at the end: a checkpoint, or with LoRA an adapter, to give as `model.path`
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secondthought.config.likelihood import LikelihoodConfig
from secondthought.distributed.world import World
from secondthought.errors import RunError
from secondthought.interrupts import held_back
from secondthought.runs import files, model_card
from secondthought.runs.console import Console
from secondthought.runs.directory import RunDirectory
from secondthought.runs.recorder import Recorder, read_metrics
from secondthought.runs.trackers import Tracker, Trackers
from secondthought.train import checkpoint
from secondthought.train.base import require_same_base
from secondthought.train.lifecycle import in_run
from secondthought.train.likelihood.learner import LikelihoodLearner
from secondthought.train.likelihood.material import Material
from secondthought.train.paths import agree_on_paths

MODEL = "model"
"""Directory of the trained model in a finished run."""
DATA = "data.json"


def train_on(
    read: Callable[[], Material],
    config: LikelihoodConfig,
    *,
    arm: str,
    resume: bool,
    overwrite: bool,
    quiet: bool,
    command: Sequence[str],
    trackers: Sequence[Tracker],
) -> dict[str, Any]:
    """Run to the end, or from where it stood with `resume`, and return `summary.json`.

    Args:
        read: reads the model and the data, before anything is written.
        config: the settings.
        arm: names the kind of training in the summary and in metrics.
        resume: go on with the run in `config.run_dir`.
        overwrite: delete that run first.
        quiet: no progress on stderr.
        command: the words of the command line, for the record.
        trackers: are told of each step that is recorded, and closed at the end.

    Raises:
        SecondthoughtError: a setting, the data, the model or the directory is wrong.
    """
    with Trackers(trackers) as added:
        return in_run(
            config,
            lambda world: read(),
            lambda run, world, material: _Run(config, arm, run, world, material, added, quiet=quiet).complete(),
            timeout_s=config.train.timeout_s,
            resume=resume,
            overwrite=overwrite,
            command=command,
            facts={"arm": arm, "seed": config.seed, "model": config.model.path},
        )


def model_of(run_dir: Path) -> Path:
    """Return where a finished run keeps its model, to be given as `model.path`.

    Raises:
        RunError: there is no such run, or it is not finished.
    """
    run = RunDirectory.open(run_dir)
    if run.summary().get("status") != "finished" or not (run.path / MODEL).is_dir():
        raise RunError(f"{run_dir}: is no finished run of `train sft` or `train pretrain`; run or resume it first")
    return run.path / MODEL


@dataclass(slots=True)
class _Progress:
    """A run's position: a checkpoint carries it besides weights."""

    step: int = 0
    best_step: int = 0
    best_loss: float | None = None
    unrecorded: dict[str, float] | None = None
    """Metrics of the last step where it was learned and not recorded yet: its measuring was interrupted."""
    is_torn: bool = False
    """Whether weights are between two steps, as they are while the optimizer steps; no checkpoint is torn."""

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        found = {name: getattr(self, name) for name in ("step", "best_step", "best_loss")}
        return found if self.unrecorded is None else {**found, "unrecorded": self.unrecorded}


class _Run:
    """The stages of one run, in order."""

    def __init__(
        self,
        config: LikelihoodConfig,
        arm: str,
        run: RunDirectory,
        world: World,
        material: Material,
        added: Tracker,
        *,
        quiet: bool,
    ) -> None:
        self.config = config
        self.arm = arm
        self.run = run
        self.world = world
        self.material, self.policy, self.facts = material, material.policy, material.facts()
        self.held_out = material.held_out
        require_same_base(run, world, self.policy)
        agree_on_paths(run, world, self.policy, wanted=config.train.share_trunk)
        self.learner = LikelihoodLearner(
            self.policy, config.optim, config.train, total_steps=material.steps, world=world
        )
        self.progress = _Progress()
        self.added = added
        self.quiet = quiet
        self.recorder: Recorder | None = None

    @property
    def loss(self) -> str:
        """Return the metric of the loss."""
        return f"loss/{self.arm}"

    def complete(self) -> dict[str, Any]:
        """Go through all stages; return the summary."""
        self._begin()
        self.console = self._console()
        self.tracker = Trackers([self.console, self.added])
        with self.console:
            self.console.note(self.material.sentence())
            if self.progress.step == 0 and self.held_out:
                self._record(0, self._evaluation())
            self._learn()
        return self.world.first("the summary", self._finish)

    def _learn(self) -> None:
        """Take the steps that are left. Where Ctrl-C ends them, a checkpoint of the last whole one is written first."""
        try:
            if self.progress.unrecorded is not None:
                self._conclude(time.perf_counter())
            while self.progress.step < self.material.steps:
                self._step()
        except KeyboardInterrupt:
            self._keep()
            raise

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
            unrecorded = self.progress.unrecorded is not None
            self.recorder.truncate_after(step if last is not None else -1, unrecorded=unrecorded)
            if last is not None:
                self._point_best()
                checkpoints.prune(keep=self._kept())
        self.world.gather("the steps so far", None)

    def _step(self) -> None:
        """Learn from a batch. An interruption waits until weights are whole again."""
        began, progress = time.perf_counter(), self.progress
        with held_back():
            progress.is_torn, progress.step = True, progress.step + 1
            stats = self.learner.update(self.material.batch(progress.step), progress.step)
            progress.unrecorded = {
                self.loss: stats.loss,
                "optim/grad_norm": stats.grad_norm,
                "optim/lr": stats.lr,
                "tokens/learned": stats.tokens_learned,
                "tokens/forward": stats.tokens_forward,
                f"{self.arm}/epoch": self.material.epoch(progress.step),
            }
            progress.is_torn = False
        self._conclude(began)

    def _conclude(self, began: float) -> None:
        """Measure where it is due, record the step, save where it is due."""
        step, every = self.progress.step, self.config.train.checkpoint_every
        is_measured = self.material.is_measured(step)
        is_due = is_measured or (every is not None and step % every == 0)
        if is_due:
            self.learner.sync()
        measured = self._evaluation() if is_measured and self.held_out else {}
        with held_back():
            timing = {"time/step": time.perf_counter() - began}
            self._record(step, {**(self.progress.unrecorded or {}), **measured, **timing})
            self.progress.unrecorded = None
            if is_due:
                self._save()

    def _keep(self) -> None:
        """Write a checkpoint of the last whole step, if there is none. Several processes do not stop at one place."""
        last = self.run.checkpoints.pointer("last")
        is_kept = last is not None and last["step"] == self.progress.step
        if self.progress.is_torn or self.world.size > 1 or not self.progress.step or is_kept:
            return
        with held_back():
            self.learner.sync()
            self._save()

    def _evaluation(self) -> dict[str, float]:
        """Measure the held-out loss of the policy as it is now; the lowest so far makes it the best."""
        with self.console.stage("held-out texts", len(self.held_out)) as stage:
            loss = self.learner.held_out_loss(self.held_out, stage)
        progress = self.progress
        if progress.step and (progress.best_loss is None or loss < progress.best_loss):
            progress.best_step, progress.best_loss = progress.step, loss
        return {"eval/loss": loss}

    def _record(self, step: int, metrics: Mapping[str, float]) -> None:
        if self.recorder is not None:
            self.recorder.metrics(step, metrics)
            self.tracker.row(step, metrics)

    def _save(self) -> None:
        """Write a checkpoint; the pointers move once it is whole."""
        checkpoints, progress = self.run.checkpoints, self.progress
        if not self.held_out:
            progress.best_step = progress.step
        with self.world.led("a checkpoint", checkpoints.new(progress.step)) as directory:
            checkpoint.save(directory, self.policy, self.learner, progress.state())
        if self.world.is_first:
            self._point_best()
            checkpoints.point("last", progress.step)
            checkpoints.prune(keep=self._kept())

    def _point_best(self) -> None:
        """Point to the last checkpoint as the best where nothing was measured yet."""
        best, progress = self.run.checkpoints, self.progress
        facts = {} if progress.best_loss is None else {"eval_loss": progress.best_loss}
        best.point("best", progress.best_step or progress.step, **facts)

    def _kept(self) -> list[int]:
        return [step for step in range(1, self.progress.step + 1) if self.material.keeps(step)]

    def _finish(self) -> dict[str, Any]:
        chosen = self.progress.best_step if self.config.train.final == "best" else self.progress.step
        checkpoint.load_weights(self.run.checkpoints.at(chosen), self.policy)
        with files.new_directory(self.run.path / MODEL) as directory:
            self.policy.save(directory)
        rows = read_metrics(self.run.metrics_path)
        losses = [row["eval/loss"] for row in rows if "eval/loss" in row]
        summary = {
            "arm": self.arm,
            "seed": self.config.seed,
            "model": self.config.model.path,
            **self.facts,
            "checkpoint": MODEL,
            "chosen_step": chosen,
            "steps": self.progress.step,
            "best_step": self.progress.best_step,
            "loss": rows[-1][self.loss],
            "eval_loss_before": losses[0] if losses else math.nan,
            "eval_loss_after": losses[-1] if losses else math.nan,
            "tokens_learned": sum(row.get("tokens/learned", 0) for row in rows),
            "seconds": sum(row.get("time/step", 0.0) for row in rows),
        }
        model_card.write(self.run.path / MODEL, summary, self.run.config())
        self.run.write_summary("finished", summary)
        return self.run.summary()

    def _keep_facts(self) -> None:
        """Write what the data was, or refuse to go on with other data."""
        path = self.run.path / DATA
        if path.exists() and files.read_json(path).get("digest") != self.facts["digest"]:
            raise RunError(
                f"{self.facts['data']}: is not the data that the run in {self.run.path} began with; put it back, or "
                "start anew with --overwrite"
            )
        files.write_json(path, self.facts)

    def _console(self) -> Console:
        """Open the live view, from where a resumed run stands."""
        start = self._share_done()
        return Console(
            self.material.steps,
            start=start,
            shown=self.progress.step,
            names={self.loss: "loss", "eval/loss": "held out"},
            quiet=self.quiet,
        )

    def _share_done(self) -> float:
        return self.progress.step / self.material.steps
