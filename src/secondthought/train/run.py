"""A whole run: measure, check, train, measure again, report. Everything that it learns is in its directory.

Each stage leaves a file, so that a run which was killed goes on after the last one that is whole. With several
processes (`world`), each goes through the stages; rank 0 alone writes and speaks, and all read one directory.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from secondthought.config import RunConfig
from secondthought.distributed.world import World
from secondthought.evaluate import final
from secondthought.evaluate.before_after import BEFORE, EVALUATIONS, STORED, BeforeAfter
from secondthought.evaluate.validation import validate
from secondthought.inference.loading import require_engine, sampled_by
from secondthought.inference.resuming import drop_samples
from secondthought.inference.served.policy import ServedPolicy
from secondthought.models.local import LocalModel
from secondthought.progress import SILENT
from secondthought.progress.display import Display
from secondthought.report import build_report
from secondthought.rollout.player import Player
from secondthought.runs import files, model_card
from secondthought.runs.console import Console
from secondthought.runs.declaration import Declaration
from secondthought.runs.directory import RunDirectory, Status
from secondthought.runs.recorder import Recorder, read_metrics
from secondthought.runs.trackers import Tracker, Trackers
from secondthought.train import checkpoint
from secondthought.train.ahead import Ahead
from secondthought.train.base import require_same_base
from secondthought.train.changes import Change
from secondthought.train.curriculum import Curriculum
from secondthought.train.learner import Learner
from secondthought.train.lifecycle import in_run
from secondthought.train.loaded import Loaded
from secondthought.train.loop import Loop, Progress
from secondthought.train.monitor import Monitor
from secondthought.train.paths import agree_on_paths
from secondthought.train.schedule import share_done
from secondthought.train.self_checks import passed, run_checks

logger = logging.getLogger(__name__)

REPORT = "report.html"
SERVED = "served"
"""Directory of weights on their way to a server."""


def execute(
    config: RunConfig,
    *,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = True,
    command: Sequence[str] = (),
    trackers: Sequence[Tracker] = (),
    declared: Declaration | None = None,
) -> dict[str, Any]:
    """Run to the end, or from where it stood with `resume`, and return `summary.json`.

    Progress goes to stderr unless `quiet`. Under `torchrun` all processes call this with the same arguments and return
    the same. `trackers` are told of each step that is recorded, and closed at the end; one that fails is left out and
    stops nothing. What a study says of the run (`declared`) is written beside it.

    Raises:
        SecondthoughtError: a setting, the task, the model, the directory or a self-check is wrong.
    """
    with Trackers(trackers) as added:
        return in_run(
            config,
            lambda world: _loaded(config, world, quiet=quiet or not world.is_first),
            lambda run, world, loaded: _Execution(config, loaded, run, world, added, quiet=quiet).complete(),
            timeout_s=config.train.timeout_s,
            resume=resume,
            overwrite=overwrite,
            command=command,
            facts={},
            declared=declared,
            forget=_forget,
        )


def _loaded(config: RunConfig, world: World, *, quiet: bool) -> Loaded:
    require_engine(config.inference, world.size, config.train.timeout_s)
    with Display(quiet=quiet) as shown:
        return Loaded.of(config, shown)


def _forget(run: RunDirectory, changes: Sequence[Change]) -> None:
    """Take away what was measured before training where it would be measured otherwise now."""
    if any(change.is_among({"evaluation"}) and not change.is_among(_NOT_MEASURED) for change in changes):
        for name in (BEFORE, STORED, EVALUATIONS):
            files.remove(run.path / name)


_NOT_MEASURED = frozenset({"evaluation.checkpoint", "evaluation.cache"})


class _Execution:
    """The stages of one run, in order."""

    def __init__(
        self, config: RunConfig, loaded: Loaded, run: RunDirectory, world: World, added: Tracker, *, quiet: bool
    ) -> None:
        self.config = config
        self.loaded = loaded
        self.run = run
        self.world = world
        self.added = added
        self.console = self._console(quiet=quiet or not world.is_first)
        self.model: LocalModel = loaded.policy
        """Weights that learn; a server samples from a copy of them."""
        loaded.policy.world = world
        require_same_base(run, world, loaded.policy)
        agree_on_paths(run, world, loaded.policy, wanted=config.train.share_trunk)

    def complete(self) -> dict[str, Any]:
        """Go through all stages; return the summary."""
        config, loaded = self.config, self.loaded
        with (
            self.console as console,
            sampled_by(config.inference, loaded.policy, self.run.path / SERVED, console) as policy,
        ):
            self.player = Player.resolve(policy, loaded.task, config.episode, onlooker=console)
            return self._complete(console)

    def _complete(self, console: Console) -> dict[str, Any]:
        learner = Learner(
            self.model,
            self.config.algorithm,
            self.config.optim,
            self.config.train,
            critic=self.config.critic,
            temperature=self.config.episode.temperature,
            world=self.world,
        )
        if self.config.train.self_checks and self.run.checkpoints.pointer("last") is None:
            self._check(learner, console)
        before_after = BeforeAfter(self.config, self.player, self.run, self.loaded.test, console.note, self.world)
        before = before_after.before()
        progress = self._train(learner, console)
        chosen = progress.best_step if self.config.evaluation.checkpoint == "best" else progress.step
        checkpoint.load_weights(self.run.checkpoints.at(chosen), self.model)
        after = before_after.after(chosen, progress.step)
        return self.world.first(
            "the summary", lambda: self._finish(self._summary(progress, before_after, before, after), chosen)
        )

    def _finish(self, summary: dict[str, Any], chosen: int) -> dict[str, Any]:
        directory = self.run.checkpoints.at(chosen)
        model_card.write(directory, summary, self.run.config())
        evaluated = str(directory.relative_to(self.run.path))
        status: Status = "stopped" if "stopped" in summary else "finished"
        self.run.write_summary(status, {**summary, "checkpoint": evaluated, "evaluated_step": chosen})
        drop_samples(self.run.path / EVALUATIONS)
        build_report([self.run.path], self.run.path / REPORT)
        return self.run.summary()

    def _train(self, learner: Learner, console: Console) -> Progress:
        progress, monitor = Progress(), Monitor(console.note, self.config.algorithm)
        last = self.run.checkpoints.pointer("last")
        if last is not None:
            at = self.run.checkpoints.at(last["step"])
            progress = Progress(**checkpoint.load(at, self.model, learner, critic=learner.critic))
        recorder = self._recorder(last is not None, progress, monitor) if self.world.is_first else None
        self.world.gather("the steps so far", None)
        curriculum, ahead = self._curriculum(self.player), self._ahead()
        loop = Loop(
            config=self.config,
            player=self.player,
            curriculum=curriculum,
            learner=learner,
            validate=self._validated,
            run=self.run,
            recorder=recorder,
            tracker=Trackers([console, monitor, self.added]),
            world=self.world,
            ahead=ahead,
        )
        console.begin_steps()
        with ahead or contextlib.nullcontext():
            return loop.train(progress)

    def _curriculum(self, player: Player) -> Curriculum:
        return Curriculum(player, self.config, self.loaded.train, self.loaded.failures)

    def _ahead(self) -> Ahead | None:
        """Return who plays one step in advance, where that is asked for and a server can."""
        policy = self.player.policy
        if not (self.config.inference.ahead and isinstance(policy, ServedPolicy)):
            return None
        return Ahead(self._curriculum(replace(self.player, onlooker=SILENT)), policy)

    def _recorder(self, goes_on: bool, progress: Progress, monitor: Monitor) -> Recorder:
        """Open the run's recorder, and forget what comes after the last checkpoint: it is about to be done again."""
        recorder = Recorder(self.run)
        if not goes_on:
            recorder.truncate_after(-1)
            return recorder
        recorder.truncate_after(progress.step, unrecorded=progress.unrecorded is not None)
        # A best checkpoint newer than the last is of steps that are played again, and need not be best again.
        self.run.checkpoints.point("best", progress.best_step, second_try=progress.best_score)
        self.run.checkpoints.prune(keep=())
        for row in read_metrics(self.run.metrics_path):
            list(monitor.warnings(int(row["step"]), row))  # what was warned of before is not warned of again
        return recorder

    def _check(self, learner: Learner, console: Console) -> None:
        loaded = self.loaded
        measured = run_checks(loaded.policy, loaded.task, learner, loaded.train)
        if self.world.is_first:
            files.write_json(self.run.path / "checks.json", measured)
        lines = ["the task's verifier accepts its own answers", *passed(measured, loaded.policy.precision)]
        console.note("self-checks passed:\n" + "\n".join(f"  {line}" for line in lines))

    def _validated(self, step: int) -> dict[str, float]:
        with self.console.stage("validation"):
            return validate(self.player, self.config, self.loaded.validation)

    def _summary(
        self, progress: Progress, before_after: BeforeAfter, before: final.Measured, after: final.Measured
    ) -> dict[str, Any]:
        task, detector = self.player.task, before_after.detector
        written = {"before": before_after.before_side(), "after": final.side(after, task, detector)}
        return {
            "arm": self.config.algorithm.name,
            "seed": self.config.seed,
            "model": self.config.model.path,
            "steps": progress.step,
            "best_step": progress.best_step,
            **({"stopped": progress.stopped} if progress.stopped else {}),
            "tokens_sampled": progress.sampled_tokens,
            "seconds": _seconds(self.run),
            **{when: side["rates"] for when, side in written.items()},
            "paired": final.pair(after, before),
            "controls": {when: side["controls"] for when, side in written.items()},
            **{
                name: {when: side.get(name) for when, side in written.items()}
                for name in ("retries", "bars", "listening")
            },
            "stored_rescue": {when: side["stored_rescue"] for when, side in written.items()},
            "other_skills": final.other_skills(after, before),
            "peers": written["before"]["peers"],
        }

    def _console(self, *, quiet: bool) -> Console:
        """Open the live view, from where a resumed run stands."""
        train, last, step, tokens = self.config.train, self.run.checkpoints.pointer("last"), 0, 0.0
        if last is not None:
            step = int(last["step"])
            rows = read_metrics(self.run.metrics_path)
            tokens = max((row.get("tokens/sampled", 0.0) for row in rows if row["step"] <= step), default=0.0)
        return Console(
            train.steps if train.max_sampled_tokens is None else None,
            done=lambda step, metrics: share_done(train, step, int(metrics.get("tokens/sampled", 0))),
            start=share_done(train, step, int(tokens)),
            shown=step,
            quiet=quiet,
        )


def _seconds(run: RunDirectory) -> float:
    """Time that the steps took, over all the processes that ran them."""
    times = [row.get("time/step", math.nan) for row in read_metrics(run.metrics_path)]
    return sum(value for value in times if not math.isnan(value))
