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
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from secondthought.config import Config, describe, read_toml, resolve
from secondthought.errors import ConfigError, RunError
from secondthought.runs.directory import RunDirectory, is_run
from secondthought.train import peers
from secondthought.train.pieces import AnyPiece, Piece, PrimingPiece, State
from secondthought.train.priming import PrimingStage

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
    states: dict[str, State] = {name: "pending" for arm in study.arms for name in _names(study, arm)}
    primings = [first for name in study.arms if (first := priming_of(study, name, str(path))) is not None]
    waiting = list(study.arms)
    while (ready := [name for name in waiting if _waits_for(study, name, states) is None]) or primings:
        # All that can run share the jobs, so that nothing waits for the last piece of an arm.
        waiting = [name for name in waiting if name not in ready]
        pieces: list[AnyPiece] = [*primings, *(piece for name in ready for piece in pieces_of(study, name, str(path)))]
        primings = []
        states.update({piece.name: piece.state() for piece in pieces})
        todo = sorted((piece for piece in pieces if states[piece.name] != "finished"), key=_first_seeds_first)
        for piece, done in _in_parallel(todo, study.jobs, deadline, tell):
            states[piece.name] = done
    for name in waiting:
        tell(f"{name} waits: {_waits_for(study, name, states)}")
    complete = all(state == "finished" for state in states.values())
    names = [_piece_name(arm, seed) for arm in study.arms for seed in study.arms[arm].seeds]
    finished = [str(study.out / name) for name in names if states[name] == "finished"]
    if complete and study.peers:
        played = [piece for name in study.arms for piece in pieces_of(study, name, str(path))]
        peers.add_to_runs([(piece.config.run_dir, piece.config) for piece in played], study.peers, tell)
    return {"pieces": states, "runs": finished, "complete": complete}


def _first_seeds_first(piece: AnyPiece) -> int:
    """What is stopped early then has one seed of every arm, not all seeds of some."""
    return -1 if isinstance(piece, PrimingPiece) else piece.seed


def _names(study: StudyConfig, name: str) -> list[str]:
    """The pieces of an arm, its priming first."""
    arm = study.arms[name]
    return [f"{name}/primed"] * bool(arm.priming) + [_piece_name(name, seed) for seed in arm.seeds]


def _waits_for(study: StudyConfig, name: str, states: Mapping[str, State]) -> str | None:
    """What an arm cannot begin without, or None if it can."""
    arm = study.arms[name]
    if arm.priming and states[f"{name}/primed"] != "finished":
        return "its priming is not finished"
    if arm.tokens_of is None or all(states[piece] == "finished" for piece in _names(study, arm.tokens_of)):
        return None
    return f"{arm.tokens_of}, whose token budget it takes, is not finished"


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
        priming = priming_of(study, name, source)
        if priming is not None:
            data = overlay(data, {"model": {"path": str(priming.stage.model)}})
        yield Piece(arm=name, seed=seed, config=resolve(data, source=f"{source}: arms.{name}"))


def priming_of(study: StudyConfig, name: str, source: str) -> PrimingPiece | None:
    """What comes before an arm's RL: on the same task, from the model that its settings name; None without priming.

    Raises:
        ConfigError: a setting is unknown or out of range.
    """
    arm = study.arms[name]
    if not arm.priming:
        return None
    config = resolve(overlay(study.settings, arm.settings), source=f"{source}: arms.{name}")
    traces = {"options": config.task.options, **study.priming, **arm.priming_settings, "arm": arm.priming}
    sft = overlay({"threads": config.threads, **study.sft}, arm.sft)
    directory = study.out / name / "primed"
    return PrimingPiece(arm=name, stage=PrimingStage.of(directory, traces, sft, base=config.model.path))


def _origin(arm: ArmConfig) -> dict[str, Any]:
    """What the run says of its model, where the arm does."""
    return {"origin": {"base": arm.base, "priming": arm.priming, "dose": arm.dose}} if arm.base else {}


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
    pieces: Sequence[AnyPiece], jobs: int, deadline: float | None, tell: Any
) -> Iterator[tuple[AnyPiece, State]]:
    """Run pieces in processes of their own, `jobs` at a time; the rest stays pending after the deadline."""
    waiting, running = list(pieces), dict[str, tuple[AnyPiece, subprocess.Popen[bytes]]]()
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


def _start(piece: AnyPiece) -> subprocess.Popen[bytes]:
    """A process of its own: pieces share no memory, and one that dies takes no other with it."""
    directory = piece.directory
    directory.parent.mkdir(parents=True, exist_ok=True)
    file = directory.parent / f"{directory.name}.json"
    file.write_text(json.dumps(piece.job()), encoding="utf-8")
    command = [sys.executable, "-m", "secondthought.train.piece", str(file)]
    with _log(piece).open("ab") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _log(piece: AnyPiece) -> Path:
    return piece.directory.parent / f"{piece.directory.name}.log"


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
