"""A study: the same training for several arms and seeds, in pieces that can be stopped and resumed.

    study.toml:  settings common to all, then [arms.NAME] with its seeds and what differs

A piece is one arm with one seed, in a run directory of its own and a process of its own. Finished pieces are reused if
their settings are still the same, begun ones resumed, failed ones named. An arm with `tokens_of = "OTHER"` is trained
until it has sampled as many tokens as that arm did (the mean over its seeds): equal cost, whatever a step costs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from secondthought.config import Config, RunConfig, describe, read_toml, resolve
from secondthought.errors import ConfigError, RunError
from secondthought.runs.directory import RunDirectory, is_run
from secondthought.train import peers
from secondthought.train.priming import PrimingStage, require_same

POLL_SECONDS = 0.5
ENOUGH_STEPS = 100_000
"""Step limit of arms that a token budget ends."""


class ArmConfig(Config):
    """One arm: how it differs from the study's common settings."""

    seeds: tuple[int, ...] = (0,)
    """One piece per seed."""
    tokens_of: str | None = None
    """Train until as many tokens have been sampled as by that arm."""
    base: str = ""
    """What reports call the model before priming; arms with one are compared by base and priming."""
    dose: float | None = Field(None, ge=0, le=1)
    """Share of the base model's training text that shows habits, where that is known."""
    priming: str = ""
    """A set of `secondthought prime` that the model is fine-tuned on before RL, each seed on its own."""
    priming_settings: dict[str, Any] = Field(default_factory=dict)
    """Options of that set, laid over the common ones."""
    sft: dict[str, Any] = Field(default_factory=dict)
    """Settings of the fine-tuning, laid over the common ones."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Tables and keys as in a training config, laid over the common ones."""


class StudyConfig(Config):
    """A whole study file."""

    out: Path
    """Directory of the pieces: OUT/ARM/seed_N."""
    jobs: int = Field(1, ge=1)
    """Pieces that run at once; on a CPU, one per core with `threads = 1` is fastest."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Tables and keys as in a training config, common to all arms."""
    priming: dict[str, Any] = Field(default_factory=dict)
    """Options of priming sets, common to all arms that are primed."""
    sft: dict[str, Any] = Field(default_factory=dict)
    """Settings of the fine-tuning on them, as in a config of `train sft`."""
    peers: dict[str, str] = Field(default_factory=dict)
    """Untrained models to compare with, by name; evaluated once, when every piece is finished."""
    arms: dict[str, ArmConfig]
    """By name, in the order in which they are run."""


State = Literal["finished", "failed", "pending"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One arm with one seed."""

    arm: str
    seed: int
    config: RunConfig
    priming: PrimingStage | None = None
    """What comes first."""

    @property
    def name(self) -> str:
        """How it is called in messages."""
        return _piece_name(self.arm, self.seed)


def load_study(path: Path) -> StudyConfig:
    """Read a study file.

    Raises:
        ConfigError: a key is unknown or wrong, or an arm names another that does not come before it.
    """
    try:
        study = StudyConfig.model_validate(read_toml(path))
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe(error)}") from None
    before: list[str] = []
    for name, arm in study.arms.items():
        if arm.tokens_of is not None and arm.tokens_of not in before:
            raise ConfigError(f"{path}: arms.{name}.tokens_of: {arm.tokens_of!r} is no arm above it")
        before.append(name)
    return study


def run_study(path: Path, *, minutes: float | None = None, progress: Any = None) -> dict[str, Any]:
    """Run what is left of a study; no new piece begins after `minutes`.

    Returns: `{"pieces": {name: state}, "runs": [directories of finished pieces], "complete": bool}`.
    """
    study, began = load_study(path), time.monotonic()
    tell = progress or _tell
    deadline = None if minutes is None else began + 60 * minutes
    states: dict[str, State] = {
        _piece_name(arm, seed): "pending" for arm in study.arms for seed in study.arms[arm].seeds
    }
    waiting = list(study.arms)
    while ready := [name for name in waiting if _has_budget(study, name, states)]:
        # All arms that can run share the jobs, so that none of these waits for the last piece of an arm.
        waiting = [name for name in waiting if name not in ready]
        pieces = [piece for name in ready for piece in pieces_of(study, name, str(path))]
        states.update({piece.name: state(piece) for piece in pieces})
        todo = [piece for piece in pieces if states[piece.name] != "finished"]
        for piece, done in _in_parallel(todo, study.jobs, deadline, tell):
            states[piece.name] = done
    for name in waiting:
        tell(f"{name} waits: {study.arms[name].tokens_of}, whose token budget it takes, is not finished")
    finished = [str(study.out / name) for name, value in states.items() if value == "finished"]
    complete = len(finished) == sum(len(arm.seeds) for arm in study.arms.values())
    if complete and study.peers:
        pieces = [piece for name in study.arms for piece in pieces_of(study, name, str(path))]
        peers.add_to_runs([(piece.config.run_dir, piece.config) for piece in pieces], study.peers, tell)
    return {"pieces": states, "runs": finished, "complete": complete}


def _has_budget(study: StudyConfig, name: str, states: Mapping[str, State]) -> bool:
    """True unless the arm takes its token budget from one that is not finished."""
    other = study.arms[name].tokens_of
    return other is None or all(states[_piece_name(other, seed)] == "finished" for seed in study.arms[other].seeds)


def _piece_name(arm: str, seed: int) -> str:
    return f"{arm}/seed_{seed}"


def pieces_of(study: StudyConfig, name: str, source: str) -> Iterator[Piece]:
    """The pieces of an arm, with their complete configs."""
    arm = study.arms[name]
    for seed in arm.seeds:
        run_dir = study.out / name / f"seed_{seed}"
        data = overlay(study.settings, arm.settings)
        data = overlay(data, {"seed": seed, "run_dir": str(run_dir), **_origin(arm)})
        if arm.tokens_of is not None:
            budget = _mean_tokens(study, arm.tokens_of)
            data = overlay(data, {"train": {"max_sampled_tokens": budget, "steps": ENOUGH_STEPS}})
        config, priming = resolve(data, source=f"{source}: arms.{name}"), None
        if arm.priming:
            priming = _priming(study, arm, config)
            data = overlay(data, {"model": {"path": str(priming.model)}})
            config = resolve(data, source=f"{source}: arms.{name}")
        yield Piece(arm=name, seed=seed, config=config, priming=priming)


def _origin(arm: ArmConfig) -> dict[str, Any]:
    """What the run says of its model, where the arm does."""
    return {"origin": {"base": arm.base, "priming": arm.priming, "dose": arm.dose}} if arm.base else {}


def _priming(study: StudyConfig, arm: ArmConfig, config: RunConfig) -> PrimingStage:
    """The stage before RL, on the same task and from the model that the settings name."""
    options = {"options": config.task.options, **study.priming, **arm.priming_settings, "arm": arm.priming}
    sft = overlay({"threads": config.threads, **study.sft}, arm.sft)
    directory = config.run_dir.with_name(f"{config.run_dir.name}.primed")
    return PrimingStage.of(directory, options, sft, base=config.model.path, seed=config.seed)


def overlay(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Nested tables merged, `top` winning.

    >>> overlay({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}})
    {'a': {'b': 3, 'c': 2}}
    """
    merged = dict(base)
    for key, value in top.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = overlay(merged[key], value) if both else value
    return merged


def state(piece: Piece) -> State:
    """What there is of a piece on disk.

    Raises:
        RunError: a finished piece was made with other settings.
    """
    directory = piece.config.run_dir
    if piece.priming is not None:
        require_same(piece.priming)
    if not is_run(directory):
        return "pending"
    run = RunDirectory.open(directory)
    if run.config() != json.loads(piece.config.model_dump_json()):
        raise RunError(f"{directory}: was made with other settings; move it away, or give the study another `out`")
    status = run.summary().get("status")
    return "finished" if status == "finished" else "failed" if status == "failed" else "pending"


def _mean_tokens(study: StudyConfig, name: str) -> int:
    directories = [study.out / name / f"seed_{seed}" for seed in study.arms[name].seeds]
    tokens = [RunDirectory.open(path).summary().get("tokens_sampled") for path in directories if is_run(path)]
    known = [count for count in tokens if isinstance(count, int)]
    if not known:
        raise RunError(
            f"arm {name} has no finished run under {study.out}, so its token budget is unknown; run it first"
        )
    return round(sum(known) / len(known))


def _in_parallel(
    pieces: Sequence[Piece], jobs: int, deadline: float | None, tell: Any
) -> Iterator[tuple[Piece, State]]:
    """Run pieces in processes of their own, `jobs` at a time; the rest stays pending after the deadline."""
    waiting, running = list(pieces), dict[str, tuple[Piece, subprocess.Popen[bytes]]]()
    try:
        while waiting or running:
            late = deadline is not None and time.monotonic() > deadline
            while waiting and len(running) < jobs and not late:
                piece = waiting.pop(0)
                tell(f"{piece.name}: begins")
                running[piece.name] = (piece, _start(piece))
            for name, (piece, process) in list(running.items()):
                if process.poll() is not None:
                    del running[name]
                    done: State = "finished" if process.returncode == 0 else "failed"
                    tell(f"{name}: {done}" + ("" if done == "finished" else f", see {_log(piece)}"))
                    yield piece, done
            if late and not running:
                break
            time.sleep(POLL_SECONDS)
    finally:
        for _, process in running.values():
            process.terminate()
            process.wait()
    for piece in waiting:
        yield piece, "pending"


def _start(piece: Piece) -> subprocess.Popen[bytes]:
    """A training process of its own: pieces share no memory, and one that dies takes no other with it."""
    directory = piece.config.run_dir
    directory.parent.mkdir(parents=True, exist_ok=True)
    file = directory.parent / f"{directory.name}.json"
    priming = None if piece.priming is None else json.loads(piece.priming.model_dump_json())
    stages = {"priming": priming, "run": json.loads(piece.config.model_dump_json())}
    file.write_text(json.dumps(stages), encoding="utf-8")
    command = [sys.executable, "-m", "secondthought.train.piece", str(file)]
    with _log(piece).open("ab") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _log(piece: Piece) -> Path:
    return piece.config.run_dir.parent / f"{piece.config.run_dir.name}.log"


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
