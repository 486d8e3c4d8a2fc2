"""The two sides of a run on disk: what was measured before training and after, and reading it back.

    evaluations/before_t1.0.jsonl, after_t1.0.jsonl, ...   episodes, one row per problem
    evaluations/NAME_t1.0.jsonl                            an untrained peer
    before.json                                            rates, controls, outcomes on stored failures
    stored_failures.jsonl                                  failed first tries before training, with their tokens

The side before training depends on model, task and settings alone, so runs that share them may share it (`cache`).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from secondthought.config import RunConfig
from secondthought.distributed.world import World
from secondthought.errors import RunError
from secondthought.evaluate import Evaluation, final, first_try_habits, read_rows, write_rows
from secondthought.evaluate.peers import measure
from secondthought.models import shipped
from secondthought.rollout import failure_file
from secondthought.rollout.player import Player
from secondthought.runs import files
from secondthought.runs.directory import RunDirectory
from secondthought.types import Failure, Problem

BEFORE = "before.json"
STORED = "stored_failures.jsonl"


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
        # Now, not when everything has been measured: the task may have no reader.
        self.detector = first_try_habits.chosen(config.evaluation.habits, player.task)

    def before(self) -> final.Measured:
        """Return the policy as measured before training: now, from the cache, or read back where a run is resumed."""
        if not self.world.first("a look for the side before training", self._is_known):
            self._measure_before()
        return self.world.first("the side before training", self._read_before)

    def _is_known(self) -> bool:
        return (self.run.path / BEFORE).exists() or self._copy_cached()

    def _read_before(self) -> final.Measured:
        found = files.read_json(self.run.path / BEFORE)
        return final.Measured(
            evaluations=self._kept("before"), controls={}, stored=final.restore_stored(found["stored"])
        )

    def after(self) -> final.Measured:
        """Measure the policy as it is now, also on the failures stored before."""
        self.tell(f"evaluating the trained policy on {len(self.problems)} test problems")
        stored = self.world.first("the stored failures", self._stored_failures)
        with self.player.onlooker.stage("evaluation after training"):
            measured = final.measure(self.player, self.config.evaluation, self.problems, stored)
        if self.world.is_first:
            self._keep("after", measured.evaluations)
        return measured

    def before_side(self) -> dict[str, Any]:
        """Read rates, controls and peers as written before training."""
        return files.read_json(self.run.path / BEFORE)

    def _measure_before(self) -> None:
        config = self.config
        self.tell(f"evaluating {self.player.policy.name} on {len(self.problems)} test problems before training")
        onlooker = self.player.onlooker
        with onlooker.stage("evaluation before training"):
            measured = final.measure(self.player, self.config.evaluation, self.problems)
        peers = {
            name: measure(config, name, path, self.run.path, self.world, onlooker=onlooker)
            for name, path in config.evaluation.peers.items()
        }
        if self.world.is_first:
            self._write_before(measured, peers)
            self._cache()

    def _write_before(self, measured: final.Measured, peers: dict[str, Any]) -> None:
        self._keep("before", measured.evaluations)
        with files.disk_errors(self.run.path / STORED):
            failure_file.write(self.run.path / STORED, measured.first.failures)
        side = {
            **final.side(measured, self.detector),
            "stored": final.stored_correct(measured),
            "peers": peers,
        }
        files.write_json(self.run.path / BEFORE, side)

    def _keep(self, when: str, evaluations: Any) -> None:
        with files.disk_errors(self.run.path / "evaluations"):
            (self.run.path / "evaluations").mkdir(exist_ok=True)
            for name, evaluation in evaluations.items():
                write_rows(self._path(when, name), evaluation.rows)

    def _kept(self, when: str) -> dict[str, Evaluation]:
        """Read evaluations back: rows, without tokens."""
        config = self.config.evaluation
        names = {final.temperature_name(heat): heat for heat in config.temperatures}
        return {
            name: Evaluation(
                task=self.player.task.name,
                policy=self.player.policy.name,
                temperature=heat,
                num_tries=config.tries,
                rows=read_rows(self._path(when, name)),
            )
            for name, heat in names.items()
        }

    def _path(self, when: str, name: str) -> Path:
        return self.run.path / "evaluations" / f"{when}_{name}.jsonl"

    def _stored_failures(self) -> list[Failure]:
        path = self.run.path / STORED
        return failure_file.read(path, self.player.task, self.player.policy) if path.stat().st_size else []

    def _cached(self) -> Path | None:
        """Return where runs like this one keep their evaluation before training."""
        config = self.config
        if config.evaluation.cache is None:
            return None
        parts = [part.model_dump_json() for part in (config.model, config.task, config.episode, config.evaluation)]
        weights = [
            (file.name, file.stat().st_size, file.stat().st_mtime_ns)
            for file in sorted(Path(shipped.resolve(config.model.path)).glob("*.safetensors"))
        ]
        name = hashlib.blake2b(json.dumps([parts, weights]).encode(), digest_size=8).hexdigest()
        return config.evaluation.cache / name

    def _copy_cached(self) -> bool:
        source = self._cached()
        if source is None or not (source / BEFORE).exists():
            return False
        with files.disk_errors(self.run.path):
            shutil.copytree(source / "evaluations", self.run.path / "evaluations", dirs_exist_ok=True)
            shutil.copy(source / STORED, self.run.path / STORED)
        side = files.read_json(source / BEFORE)
        for name, item in self._kept("before").items():
            # Counted again: the detector may have changed since, and after training it is today's.
            side["rates"][name] |= first_try_habits.rates(item.rows, item.task, self.detector)
        files.write_json(self.run.path / BEFORE, side)  # last: it says that the side is whole
        return True

    def _cache(self) -> None:
        target = self._cached()
        if target is None or target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        # Another run may publish the same side meanwhile, and a cache that cannot be written is no reason to stop.
        with contextlib.suppress(RunError), files.new_directory(target) as directory:
            shutil.copytree(self.run.path / "evaluations", directory / "evaluations")
            for name in (STORED, BEFORE):
                shutil.copy(self.run.path / name, directory / name)
