"""The two sides of a run on disk: what was measured before training and after, and reading it back.

    evaluations/before_t1.0.jsonl, after_t1.0.jsonl, ...   episodes, one row per problem
    evaluations/NAME_t1.0.jsonl                            an untrained peer
    before.json                                            rates, controls, outcomes on stored failures
    stored_failures.jsonl                                  failed first tries before training, with their tokens
    stored_reflections.jsonl                               reflections on the same failures after training
    evaluations/before.samples, ...                        of an evaluation that was interrupted, see `resuming`

The side before training does not depend on how a run trains, so runs may share it (`cache`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from secondthought import jsonl
from secondthought.config import RunConfig
from secondthought.disk import why_refused
from secondthought.distributed.world import World
from secondthought.evaluate import Evaluation, final, first_try_habits, read_rows, write_rows
from secondthought.evaluate.cache import SideCache, key_of, require_same_verdicts
from secondthought.evaluate.peers import measure
from secondthought.inference.resuming import SAMPLES, drop_samples, resumable
from secondthought.rollout import failure_file
from secondthought.rollout.player import Player
from secondthought.runs import endings, files
from secondthought.runs.directory import RunDirectory
from secondthought.types import Failure, Problem

BEFORE = "before.json"
EVALUATIONS = "evaluations"
STORED = "stored_failures.jsonl"
LATER = "stored_reflections.jsonl"


class BeforeAfter:
    """Measures a run's policy before and after, each once, and keeps what it found: all ranks measure, one writes."""

    def __init__(
        self,
        config: RunConfig,
        player: Player,
        run: RunDirectory,
        problems: Sequence[Problem],
        tell: Callable[[str], None],
        world: World,
    ) -> None:
        self.config = config
        self.player = player
        self.run = run
        self.problems = problems
        self.tell = tell
        self.world = world
        self.cache: SideCache | None = None
        # Now, not when everything has been measured: the task may have no reader.
        self.detector = first_try_habits.chosen(config.evaluation.habits, player.task)

    def before(self) -> final.Measured:
        """Return the policy as measured before training: now, from the cache, or read back where a run is resumed."""
        if not self.world.first("a look for the side before training", self._is_known):
            self._measure_before()
        return self.world.first("the side before training", self._read_before)

    def _is_known(self) -> bool:
        if (self.run.path / BEFORE).exists():
            return True
        self.cache = self._cache()
        return self.cache is not None and self.cache.fetch(self._fetch)

    def _read_before(self) -> final.Measured:
        found = files.read_json(self.run.path / BEFORE)
        return final.Measured(
            evaluations=self._kept("before", self.run.path), controls={}, stored=final.restore_stored(found["stored"])
        )

    def after(self, step: int, steps: int) -> final.Measured:
        """Measure the policy as it is now, that of `step`, also on the failures stored before."""
        which = f"the policy of step {step}" if step else "the untrained model again"
        self.tell(f"evaluating {which} on {len(self.problems)} test problems")
        if not step:
            self.tell(f"warning: {endings.untrained_again(steps)}")
        stored = self.world.first("the stored failures", self._stored_failures)
        with self._resumable("after") as player, player.onlooker.stage("evaluation after training"):
            measured = final.measure(player, self.config.evaluation, self.problems, stored)
        if self.world.is_first:
            self._keep("after", measured.evaluations)
            with files.disk_errors(self.run.path / LATER):
                jsonl.write(self.run.path / LATER, final.stored_reflections(measured))
        return measured

    def before_side(self) -> dict[str, Any]:
        """Read rates, controls and peers as written before training."""
        return files.read_json(self.run.path / BEFORE)

    def _measure_before(self) -> None:
        config = self.config
        self.tell(f"evaluating {self.player.policy.name} on {len(self.problems)} test problems before training")
        onlooker = self.player.onlooker
        with self._resumable("before") as player, onlooker.stage("evaluation before training"):
            measured = final.measure(player, self.config.evaluation, self.problems)
        peers = {
            name: measure(config, name, path, self.run.path, self.world, onlooker=onlooker)
            for name, path in config.evaluation.peers.items()
        }
        if self.world.is_first:
            self._write_before(measured, peers)
            if self.cache is not None:
                self.cache.keep(self.run.path, (EVALUATIONS, STORED, BEFORE))

    def _write_before(self, measured: final.Measured, peers: dict[str, Any]) -> None:
        self._keep("before", measured.evaluations)
        with files.disk_errors(self.run.path / STORED):
            failure_file.write(self.run.path / STORED, measured.first.failures)
        side = {
            **final.side(measured, self.player.task, self.detector),
            "stored": final.stored_correct(measured),
            "peers": peers,
        }
        files.write_json(self.run.path / BEFORE, side)
        drop_samples(self.run.path / EVALUATIONS)

    @contextlib.contextmanager
    def _resumable(self, when: str) -> Iterator[Player]:
        """Wrap the player so that its samples are kept: an evaluation that is interrupted goes on where it was."""
        with resumable(self.player.policy, self.run.path / EVALUATIONS / f"{when}{SAMPLES}") as policy:
            yield replace(self.player, policy=policy)

    def _keep(self, when: str, evaluations: Any) -> None:
        with files.disk_errors(self.run.path / EVALUATIONS):
            (self.run.path / EVALUATIONS).mkdir(exist_ok=True)
            for name, evaluation in evaluations.items():
                write_rows(_path(self.run.path, when, name), evaluation.rows)

    def _kept(self, when: str, directory: Path) -> dict[str, Evaluation]:
        """Read evaluations back: rows, without tokens."""
        config = self.config.evaluation
        names = {final.temperature_name(heat): heat for heat in config.temperatures}
        return {
            name: Evaluation(
                task=self.player.task.name,
                policy=self.player.policy.name,
                temperature=heat,
                num_tries=config.tries,
                rows=read_rows(_path(directory, when, name)),
            )
            for name, heat in names.items()
        }

    def _stored_failures(self) -> list[Failure]:
        return self._failures_in(self.run.path / STORED)

    def _failures_in(self, path: Path) -> list[Failure]:
        return failure_file.read(path, self.player.task, self.player.policy) if path.stat().st_size else []

    def _cache(self) -> SideCache | None:
        """Return the place where runs that would measure the same keep their side before training."""
        directory = self.config.evaluation.cache
        if directory is None:
            return None
        try:
            key = key_of(self.config, self.player, self.problems)
        except OSError as error:
            self.tell(f"evaluation.cache is not used: {why_refused(error)}")
            return None
        if key is None:
            self.tell("evaluation.cache is not used: the source of the task, or the policy's weights, cannot be read")
            return None
        return SideCache(directory, key, self.tell)

    def _fetch(self, source: Path) -> None:
        """Copy a kept side into the run, after everything in it was read and judged.

        Raises:
            RunError: a file cannot be read, or a verdict is not the one that was kept.
        """
        side = files.read_json(source / BEFORE)
        final.restore_stored(side["stored"])
        kept = self._kept("before", source)
        for name, item in kept.items():
            require_same_verdicts(self.player.task, self.problems, item.rows)
            # Counted again: the detector may have changed since, and after training it is today's.
            side["rates"][name] |= first_try_habits.rates(item.rows, item.task, self.detector)
        self._failures_in(source / STORED)
        (self.run.path / EVALUATIONS).mkdir(exist_ok=True)
        for path in (source / EVALUATIONS).iterdir():
            files.copy(path, self.run.path / EVALUATIONS / path.name)
        files.copy(source / STORED, self.run.path / STORED)
        files.write_json(self.run.path / BEFORE, side)  # last: it says that the side is whole


def _path(directory: Path, when: str, name: str) -> Path:
    return directory / EVALUATIONS / f"{when}_{name}.jsonl"
