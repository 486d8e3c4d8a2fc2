"""The training loop: play, credit, judge, update, record, now and then validate and save. It names no algorithm.

With several processes each runs it and holds the same records; playing, updating and validating deal out their work.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from secondthought import rng
from secondthought.config import RunConfig
from secondthought.distributed.world import World
from secondthought.errors import PolicyError, TaskError
from secondthought.interrupts import held_back
from secondthought.models.heap import give_back
from secondthought.rollout.mining import MiningStats
from secondthought.rollout.player import Player
from secondthought.rollout.reflect_retry import text_before
from secondthought.runs.directory import RunDirectory
from secondthought.runs.recorder import Recorder
from secondthought.runs.records import group_row
from secondthought.runs.trackers import Tracker
from secondthought.train import checkpoint
from secondthought.train.ahead import Ahead
from secondthought.train.credit import Credited, credit
from secondthought.train.critic.advantages import advantages_from_critic
from secondthought.train.curriculum import Curriculum, Played
from secondthought.train.gradient_step import BrokenUpdate
from secondthought.train.idle import is_idle, stop_sentence
from secondthought.train.learner import Learner
from secondthought.train.metrics import (
    of_critic_advantages,
    of_groups,
    of_mining,
    of_policy,
    of_update,
    sampled_tokens,
)
from secondthought.train.rescoring import rescored
from secondthought.train.schedule import share_done
from secondthought.types import Episode, Problem, Turn, TurnKind

Metrics: TypeAlias = dict[str, float]
Validate: TypeAlias = Callable[[int], Metrics]
"""Metrics of the policy as it is now, given the step; `score` chooses the best checkpoint by them."""


@dataclass(slots=True)
class Progress:
    """A run's position: a checkpoint carries it besides weights."""

    step: int = 0
    sampled_tokens: int = 0
    best_step: int = 0
    best_score: float = float("-inf")
    unrecorded: Metrics | None = None
    """Metrics of the last step where it was learned and not recorded yet: its validation was interrupted."""
    idle: int = 0
    """Steps in a row, up to this one, from which nothing was learned."""
    stopped: str = ""
    """Why the run ends before its length; empty as long as it does not."""
    is_torn: bool = False
    """Whether weights are between two steps, as they are while the optimizer steps; no checkpoint is torn."""

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        found = {name: getattr(self, name) for name in ("step", "sampled_tokens", "best_step", "best_score")}
        found |= {"idle": self.idle, "stopped": self.stopped} if self.idle else {}
        return found if self.unrecorded is None else {**found, "unrecorded": self.unrecorded}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """A `Loop` holds the parts of a training run. A process without a recorder writes nothing and tells no tracker."""

    config: RunConfig
    player: Player
    curriculum: Curriculum
    learner: Learner
    validate: Validate
    run: RunDirectory
    recorder: Recorder | None
    tracker: Tracker
    world: World
    ahead: Ahead | None = None
    """The one who plays the next step while this one is learned from; without it playing and learning take turns."""

    def train(self, progress: Progress) -> Progress:
        """Go on from where `progress` stands to the last step or the end of the token budget.

        Where Ctrl-C, or an error of the task, ends it, a checkpoint of the last whole step is written first.
        """
        if self.run.checkpoints.pointer("last") is None:
            self._conclude(progress, time.perf_counter())
        if not 0 < self.config.train.patience <= progress.idle:
            progress.stopped = ""  # it may be asked to be more patient
        try:
            if progress.unrecorded is not None:
                self._conclude(progress, time.perf_counter())
            while not self._is_done(progress):
                with _at_step(progress.step + 1):
                    self._step(progress)
        except (KeyboardInterrupt, TaskError):
            self._keep(progress)
            raise
        return progress

    def _step(self, progress: Progress) -> None:
        """Play and learn. An interruption waits for the update, for which weights must be whole again."""
        began = time.perf_counter()
        played = (self.ahead or self.curriculum).groups(progress.step + 1)
        sampler = of_policy(self.player.policy)
        if self.ahead is not None:
            sampler["inference/staleness"] = float(self.ahead.staleness)
        give_back()
        self._play_ahead(progress, played)
        sampled = time.perf_counter()
        with held_back():
            progress.is_torn, progress.step = True, progress.step + 1
            credited = credit(played.groups, self.config.algorithm, key=self._key(progress.step))
            progress.sampled_tokens += sampled_tokens(played.groups, played.mining)
            credited, from_critic = advantages_from_critic(rescored(credited, self.learner), self.learner)
            trees = [tree for item in credited for tree in item.trees]
            update = self.learner.update(trees, progress.step, progress.sampled_tokens)
            progress.unrecorded = {
                **of_groups(played.groups),
                **of_critic_advantages(from_critic),
                **of_update(update),
                **_mining(played.mining),
                **sampler,
                "tokens/sampled": progress.sampled_tokens,
                "time/rollout": sampled - began,
                "time/update": time.perf_counter() - sampled,
            }
            self._count_idle(progress, progress.unrecorded)
            if self._is_shown(progress):
                self._record_episodes(progress.step, credited)
            progress.is_torn = False
        self._conclude(progress, began)

    def _play_ahead(self, progress: Progress, played: Played) -> None:
        """Have the next step begin, if there will be one."""
        tokens = progress.sampled_tokens + sampled_tokens(played.groups, played.mining)
        if self.ahead is not None and share_done(self.config.train, progress.step + 1, tokens) < 1.0:
            self.ahead.begin(progress.step + 2)

    def _count_idle(self, progress: Progress, metrics: Mapping[str, float]) -> None:
        """Count steps that learned nothing, and stop where there are too many in a row."""
        patience = self.config.train.patience
        progress.idle = progress.idle + 1 if is_idle(metrics) else 0
        if patience and progress.idle >= patience and self._share_done(progress) < 1.0:
            progress.stopped = stop_sentence(progress.idle, progress.step, metrics)

    def _conclude(self, progress: Progress, began: float) -> None:
        """Validate where it is due, record the step, save where it is due."""
        measured = self._measured(progress) if self._is_validated(progress) else {}
        with held_back():
            step = progress.step
            timing = {"time/step": time.perf_counter() - began}
            self._record(progress, {**(progress.unrecorded or {}), **measured, **timing})
            progress.unrecorded = None
            improved = progress.best_step == step
            if self._is_done(progress) or improved or step % self.config.train.checkpoint_every == 0:
                self._save(progress, improved)

    def _measured(self, progress: Progress) -> Metrics:
        """Measure the policy, and note whether it is the best so far."""
        start = time.perf_counter()
        if self.ahead is not None:
            self.ahead.wait()
        measured = self.validate(progress.step)
        if score(measured) > progress.best_score:
            progress.best_step, progress.best_score = progress.step, score(measured)
        return {**measured, "time/evaluation": time.perf_counter() - start}

    def _is_validated(self, progress: Progress) -> bool:
        return progress.step == 0 or self._is_done(progress) or progress.step % self.config.train.eval_every == 0

    def _is_shown(self, progress: Progress) -> bool:
        every = self.config.train.episodes_every
        return self._is_validated(progress) or (every is not None and progress.step % every == 0)

    def _keep(self, progress: Progress) -> None:
        """Write a checkpoint of the last whole step, if there is none. Several processes do not stop at one place."""
        last = self.run.checkpoints.pointer("last")
        if progress.is_torn or self.world.size > 1 or last is None or last["step"] == progress.step:
            return
        with held_back():
            self._save(progress, False)

    def _record(self, progress: Progress, metrics: Mapping[str, float]) -> None:
        if self.recorder is None:
            return
        self.recorder.metrics(progress.step, metrics)
        self.tracker.row(progress.step, metrics)

    def _record_episodes(self, step: int, credited: list[Credited]) -> None:
        if self.recorder is None:
            return
        config = self.config
        rows = [
            group_row(
                item.group,
                step=step,
                advantages=item.advantages,
                learned=config.algorithm.learned_kinds,
                requests=partial(self._text_before, item.group.problem),
            )
            for item in credited[: config.train.episode_groups]
        ]
        self.recorder.episodes(step, rows)

    def _text_before(self, problem: Problem, before: Sequence[Turn], turn: Turn) -> str:
        """Return the user's text that a turn answers, of a retry in the same conversation without the problem's."""
        requests = self.player.requests
        if turn.kind is TurnKind.RETRY and not turn.fresh:
            return requests.retry
        return text_before(turn, Episode(problem=problem, turns=tuple(before)), requests)

    def _save(self, progress: Progress, improved: bool) -> None:
        """Write a checkpoint, move the pointers once it is whole, and delete all but the best and the last."""
        checkpoints = self.run.checkpoints
        with self.world.led("a checkpoint", checkpoints.new(progress.step)) as directory:
            checkpoint.save(directory, self.learner.policy, self.learner, progress.state(), critic=self.learner.critic)
        if not self.world.is_first:
            return
        if improved:
            checkpoints.point("best", progress.step, second_try=progress.best_score)
        checkpoints.point("last", progress.step)
        checkpoints.prune(keep=())

    def _is_done(self, progress: Progress) -> bool:
        return bool(progress.stopped) or self._share_done(progress) >= 1.0

    def _share_done(self, progress: Progress) -> float:
        return share_done(self.config.train, progress.step, progress.sampled_tokens)

    def _key(self, step: int) -> int:
        return rng.key(self.config.seed, "credit", step)


@contextlib.contextmanager
def _at_step(step: int) -> Iterator[None]:
    """Begin what is said of a model, or of numbers that are not finite, with the step in which that was."""
    try:
        yield
    except (PolicyError, BrokenUpdate) as error:
        raise type(error)(f"step {step}: {error}") from error


def score(measured: Mapping[str, float]) -> float:
    """Return what the best checkpoint is best at: solving within two tries, or one where no second is played."""
    return measured.get("eval/second_try", measured["eval/first_try"])


def _mining(mining: MiningStats | None) -> Metrics:
    return {} if mining is None else of_mining(mining)
