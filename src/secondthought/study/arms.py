"""The arms of a study: which jobs each has, and what every job waits for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secondthought.config import RunConfig, overlay, resolve
from secondthought.errors import RunError
from secondthought.runs import declaration
from secondthought.runs.declaration import Declaration
from secondthought.runs.directory import RunDirectory, is_run
from secondthought.study.config import SEED, TRIES_OF, ArmConfig, StudyConfig
from secondthought.study.jobs import AnyJob, Job, PrimingJob, job_name
from secondthought.study.priming_job import SFT, PrimingStage, TriesConfig, model_in

ENOUGH_STEPS = 100_000
"""Step limit of arms that a token budget ends."""


@dataclass(frozen=True, slots=True)
class StudyArm:
    """A `StudyArm` makes the jobs of its seeds: `job(seed)` is a run, `priming(seed)` what that run starts from."""

    study: StudyConfig
    name: str
    source: str
    """The file of the study, for messages."""

    @property
    def config(self) -> ArmConfig:
        """Return how the arm differs from the common settings."""
        return self.study.arms[self.name]

    @property
    def run_names(self) -> tuple[str, ...]:
        """Return the names of the arm's runs, in the order of its seeds."""
        return tuple(job_name(self.name, seed, is_priming=False) for seed in self.config.seeds)

    @property
    def priming_seeds(self) -> tuple[int | None, ...]:
        """Return a seed for each priming: None for one that all runs share, nothing where the arm is not primed."""
        if not self.config.priming:
            return ()
        return tuple(dict.fromkeys(self.study.priming_seed(self.name, seed) for seed in self.config.seeds))

    def declaration(self) -> Declaration:
        """Return what the study says of the arm's runs; the model's path has `{seed}` where each seed has its own.

        Raises:
            ConfigError: a table `origin` of the settings has a key that is unknown or wrong.
        """
        asked = self.config
        found: dict[str, Any] = {"claims": self.study.claims}
        if asked.base:
            found |= {"base": asked.base, "priming": asked.priming, "dose": asked.dose, "arm": self.name}
        if self.study.primes_by_seed(self.name):
            found["model"] = str(model_in(self.study.out / job_name(self.name, SEED, is_priming=True)))
        elif not asked.priming and SEED in self.study.model_of(self.name):
            found["model"] = self.study.model_of(self.name)
        by_hand = self.study.settings_of(self.name).get("origin", {})  # earlier versions read it as a setting of runs
        return declaration.parse(by_hand, found, source=f"{self.source}: arms.{self.name}")

    def settings(self, seed: int | None) -> dict[str, Any]:
        """Return the tables and keys of one of the arm's seeds, or what all of them share."""
        data = self.study.settings_of(self.name)
        if seed is None:
            return data
        path = self.study.model_of(self.name)
        if SEED in path:
            data = overlay(data, {"model": {"path": path.replace(SEED, str(seed))}})
        return overlay(data, {"seed": seed})

    def unprimed(self, seed: int | None) -> RunConfig:
        """Build the settings of a run before priming and without a budget.

        Raises:
            ConfigError: a setting is unknown or out of range.
        """
        return self._resolved(self.settings(seed))

    def job(self, seed: int) -> Job:
        """Build one run: the arm's settings with this seed, its primed model and its budget, if it has them.

        Raises:
            ConfigError: a setting is unknown or out of range.
            RunError: the arm whose tokens it takes has no finished run.
        """
        run_dir = self.study.out / job_name(self.name, seed, is_priming=False)
        data = overlay(self.settings(seed), {"run_dir": str(run_dir)})
        if self.config.tokens_of is not None:
            budget = self._other(self.config.tokens_of).mean_tokens()
            data = overlay(data, {"train": {"max_sampled_tokens": budget, "steps": ENOUGH_STEPS}})
        if self.config.priming:
            data = overlay(data, {"model": {"path": str(self.priming(seed).stage.model)}})
        return Job(arm=self.name, seed=seed, config=self._resolved(data), declared=self.declaration())

    def jobs(self) -> Iterator[Job]:
        """Yield the runs of the arm, with their complete configs."""
        return (self.job(seed) for seed in self.config.seeds)

    def priming(self, seed: int | None) -> PrimingJob:
        """Build the priming that a seed starts from: for the same task, of the model that the settings name.

        Raises:
            ConfigError: a setting is unknown or out of range.
        """
        seed = self.study.priming_seed(self.name, seed)
        config, asked = self.unprimed(seed), self.config
        drawn = {} if seed is None else {"seed": seed}
        own = {key: value for key, value in asked.priming_settings.items() if key != TRIES_OF}
        traces = {"options": config.task.options, **self.study.priming, **own, "arm": asked.priming, **drawn}
        if asked.tries_of is not None:
            traces["tries"] = self._tries(asked.tries_of, seed)
        elif "file" not in traces:
            traces["task"] = config.task.name
        sft = {"threads": config.threads, **overlay(self.study.sft, asked.sft), **drawn}
        directory = self.study.out / job_name(self.name, seed, is_priming=True)
        stage = PrimingStage.of(directory, traces, sft, base=config.model)
        return PrimingJob(arm=self.name, seed=seed, stage=stage)

    def planned(self) -> Iterator[PlannedJob]:
        """Yield the jobs of the arm, primings first, with the names of those that come before each."""
        asked = self.config
        for seed in self.priming_seeds:
            needs = () if asked.tries_of is None else (self._other(asked.tries_of).priming_name(seed),)
            yield PlannedJob(self, seed, True, needs)
        for seed in asked.seeds:
            primed = (self.priming_name(seed),) if asked.priming else ()
            budget = () if asked.tokens_of is None else self._other(asked.tokens_of).run_names
            yield PlannedJob(self, seed, False, (*primed, *budget))

    def priming_name(self, seed: int | None) -> str:
        """Return the name of the priming that a seed starts from."""
        return job_name(self.name, self.study.priming_seed(self.name, seed), is_priming=True)

    def mean_tokens(self) -> int:
        """Return the mean of the tokens that the arm's finished runs sampled.

        Raises:
            RunError: none of them is finished.
        """
        directories = [self.study.out / name for name in self.run_names]
        tokens = [RunDirectory.open(path).summary().get("tokens_sampled") for path in directories if is_run(path)]
        known = [count for count in tokens if isinstance(count, int)]
        if not known:
            raise RunError(
                f"arm {self.name} has no finished run under {self.study.out}, so its token budget is unknown; run it"
                " first"
            )
        return round(sum(known) / len(known))

    def _tries(self, other: str, seed: int | None) -> TriesConfig:
        """Return how the model that another arm was primed to be is sampled: as in the RL of this arm."""
        config, primed = self.unprimed(seed), self._other(other).priming(seed)
        model = config.model.model_copy(update={"path": str(primed.stage.model)})
        return TriesConfig(model=model, task=config.task, episode=config.episode)

    def _other(self, name: str) -> StudyArm:
        return StudyArm(self.study, name, self.source)

    def _resolved(self, data: dict[str, Any]) -> RunConfig:
        return resolve(data, source=f"{self.source}: arms.{self.name}")


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """A `PlannedJob` is to be done: its settings may be known only once the jobs that it needs are finished."""

    arm: StudyArm
    seed: int | None
    """The seed of the run, or of the priming; None for a priming that all seeds share."""
    is_priming: bool
    needs: tuple[str, ...]
    """Names of the jobs that come before it."""

    @property
    def name(self) -> str:
        """Return the name of the job."""
        return job_name(self.arm.name, self.seed, is_priming=self.is_priming)

    @property
    def run_dir(self) -> Path:
        """Return the run directory, whose lock the job's process holds: of a priming it is that of the fine-tuning."""
        directory = self.arm.study.out / self.name
        return directory / SFT if self.is_priming else directory

    def job(self) -> AnyJob:
        """Build the job.

        Raises:
            RunError: the job takes a token budget that is not known yet.
        """
        if self.is_priming:
            return self.arm.priming(self.seed)
        assert self.seed is not None  # only primings are shared
        return self.arm.job(self.seed)


def arms_of(study: StudyConfig, source: str) -> list[StudyArm]:
    """Return the arms of a study in the order of its file."""
    return [StudyArm(study, name, source) for name in study.arms]


def planned_jobs(study: StudyConfig, source: str) -> Iterator[PlannedJob]:
    """Yield all jobs of a study, arm by arm, primings first."""
    for arm in arms_of(study, source):
        yield from arm.planned()


def check(study: StudyConfig, source: str) -> None:
    """Read every setting of every arm before anything is begun.

    Raises:
        ConfigError: a setting is unknown or out of range.
    """
    for arm in arms_of(study, source):
        arm.declaration()
        for seed in arm.config.seeds:
            arm.unprimed(seed)
        for primed in arm.priming_seeds:
            arm.priming(primed)
