"""What the arms of a study come to: which pieces each has, and what every piece waits for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from secondthought.config import RunConfig, overlay, resolve
from secondthought.errors import RunError
from secondthought.models.shipped import why_missing
from secondthought.runs.directory import RunDirectory, is_run
from secondthought.study.config import SEED, StudyConfig
from secondthought.study.jobs import AnyPiece, Piece, PrimingPiece
from secondthought.study.priming_job import PrimingStage, TriesConfig

ENOUGH_STEPS = 100_000
"""Step limit of arms that a token budget ends."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece to be: its settings may be known only once what it needs is finished."""

    study: StudyConfig
    source: str
    arm: str
    seed: int | None
    """None for a priming that all seeds share."""
    is_priming: bool
    needs: tuple[str, ...]
    """Names of the pieces that come before it."""

    @property
    def name(self) -> str:
        """The name of its piece."""
        return _name(self.arm, self.seed, self.is_priming)

    def piece(self) -> AnyPiece:
        """The piece.

        Raises:
            RunError: it takes a token budget that is not known yet.
        """
        make = priming_piece if self.is_priming else run_piece
        return make(self.study, self.arm, self.seed, self.source)


def parts_of(study: StudyConfig, source: str) -> Iterator[Part]:
    """All that a study comes to, arm by arm, primings first."""
    for name, arm in study.arms.items():
        for seed in _priming_seeds(study, name):
            other = arm.wrong_tries_of
            needs = () if other is None else (_priming_name(study, other, seed),)
            yield Part(study, source, name, seed, True, needs)
        for seed in arm.seeds:
            primed = (_priming_name(study, name, seed),) if arm.priming else ()
            budget = () if arm.tokens_of is None else runs_of(study, arm.tokens_of)
            yield Part(study, source, name, seed, False, (*primed, *budget))


def check(study: StudyConfig, source: str) -> None:
    """See that every setting of every arm can be read, before anything is begun.

    Raises:
        ConfigError: one cannot.
    """
    for name in study.arms:
        for seed in study.arms[name].seeds:
            config_of(study, name, seed, source)
        for primed in _priming_seeds(study, name):
            priming_piece(study, name, primed, source)


def missing_models(study: StudyConfig, source: str) -> Iterator[str]:
    """A sentence for each model that cannot be there; what looks like a hub id is not looked up."""
    for name, arm in study.arms.items():
        for seed in arm.seeds:
            path = config_of(study, name, seed, source).model.path
            # A path with {seed} is never a hub id, though `bases/terse-7` looks like one.
            if reason := why_missing(path, may_be_hub_id=SEED not in study.model_of(name)):
                yield f"{source}: arms.{name}: settings.model.path: {path}: {reason}"


def runs_of(study: StudyConfig, name: str) -> tuple[str, ...]:
    """Names of an arm's runs."""
    return tuple(_name(name, seed, False) for seed in study.arms[name].seeds)


def run_pieces(study: StudyConfig, name: str, source: str) -> Iterator[Piece]:
    """The runs of an arm, with their complete configs."""
    return (run_piece(study, name, seed, source) for seed in study.arms[name].seeds)


def run_piece(study: StudyConfig, name: str, seed: int | None, source: str) -> Piece:
    """One run: the arm's settings with this seed, its primed model and its budget, if it has them.

    Raises:
        ConfigError: a setting is unknown or out of range.
        RunError: the arm whose tokens it takes has no finished run.
    """
    assert seed is not None  # only primings are shared
    arm = study.arms[name]
    primed = priming_piece(study, name, study.priming_seed(name, seed), source) if arm.priming else None
    run_dir = study.out / _name(name, seed, False)
    data = overlay(settings_of(study, name, seed), {"run_dir": str(run_dir), **_origin(study, name, primed)})
    if arm.tokens_of is not None:
        budget = _mean_tokens(study, arm.tokens_of)
        data = overlay(data, {"train": {"max_sampled_tokens": budget, "steps": ENOUGH_STEPS}})
    if primed is not None:
        data = overlay(data, {"model": {"path": str(primed.stage.model)}})
    return Piece(arm=name, seed=seed, config=resolve(data, source=f"{source}: arms.{name}"))


def priming_piece(study: StudyConfig, name: str, seed: int | None, source: str) -> PrimingPiece:
    """What comes before an arm's RL: on the same task, from the model that its settings name.

    Raises:
        ConfigError: a setting is unknown or out of range.
    """
    arm = study.arms[name]
    config = config_of(study, name, seed, source)
    drawn = {} if seed is None else {"seed": seed}
    traces = {"options": config.task.options, **study.priming, **arm.priming_settings, "arm": arm.priming, **drawn}
    if arm.wrong_tries_of is not None:
        traces["tries"] = _tries_of(study, arm.wrong_tries_of, config, seed, source)
    sft = {"threads": config.threads, **overlay(study.sft, arm.sft), **drawn}
    directory = study.out / _name(name, seed, True)
    return PrimingPiece(arm=name, seed=seed, stage=PrimingStage.of(directory, traces, sft, base=config.model))


def config_of(study: StudyConfig, name: str, seed: int | None, source: str) -> RunConfig:
    """The settings of an arm before priming and without a budget."""
    return resolve(settings_of(study, name, seed), source=f"{source}: arms.{name}")


def settings_of(study: StudyConfig, name: str, seed: int | None) -> dict[str, Any]:
    """Tables and keys of an arm for one of its seeds, or for all of them."""
    data = study.settings_of(name)
    if seed is None:
        return data
    if SEED in study.model_of(name):
        data = overlay(data, {"model": {"path": study.model_of(name).replace(SEED, str(seed))}})
    return overlay(data, {"seed": seed})


def _name(arm: str, seed: int | str | None, is_priming: bool) -> str:
    """What a piece is called, and where it is below the study's directory."""
    if seed is None:
        return f"{arm}/primed"
    return f"{arm}/primed_{seed}" if is_priming else f"{arm}/seed_{seed}"


def _priming_seeds(study: StudyConfig, name: str) -> tuple[int | None, ...]:
    if not study.arms[name].priming:
        return ()
    return study.arms[name].seeds if study.primes_by_seed(name) else (None,)


def _priming_name(study: StudyConfig, name: str, seed: int | None) -> str:
    """The priming of an arm that a seed starts from."""
    return _name(name, study.priming_seed(name, seed), True)


def _tries_of(study: StudyConfig, name: str, config: RunConfig, seed: int | None, source: str) -> TriesConfig:
    """How the wrong tries are drawn of the model that another arm was primed to be: as in the RL of this one."""
    primed = priming_piece(study, name, study.priming_seed(name, seed), source)
    model = config.model.model_copy(update={"path": str(primed.stage.model)})
    return TriesConfig(model=model, task=config.task, episode=config.episode)


def _origin(study: StudyConfig, name: str, primed: PrimingPiece | None) -> dict[str, Any]:
    """What a run says of its model, where the arm does."""
    arm = study.arms[name]
    found = {"base": arm.base, "priming": arm.priming, "dose": arm.dose, "arm": name} if arm.base else {}
    if primed is not None and primed.seed is not None:
        found["model"] = str(study.out / _name(name, SEED, True) / primed.stage.model.relative_to(primed.directory))
    elif primed is None and SEED in study.model_of(name):
        found["model"] = study.model_of(name)
    return {"origin": found} if found else {}


def _mean_tokens(study: StudyConfig, name: str) -> int:
    directories = [study.out / run for run in runs_of(study, name)]
    tokens = [RunDirectory.open(path).summary().get("tokens_sampled") for path in directories if is_run(path)]
    known = [count for count in tokens if isinstance(count, int)]
    if not known:
        raise RunError(
            f"arm {name} has no finished run under {study.out}, so its token budget is unknown; run it first"
        )
    return round(sum(known) / len(known))
