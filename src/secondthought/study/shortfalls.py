"""What the jobs of a study will need and lack is told before the first of them begins."""

from __future__ import annotations

import json
from collections.abc import Iterator

from secondthought import tasks
from secondthought.config import RunConfig
from secondthought.errors import SecondthoughtError
from secondthought.models.shipped import why_missing
from secondthought.organisms.recipe import RECIPES
from secondthought.requirements import Plan, draws_of, files_of, shortfalls
from secondthought.runs.directory import is_run
from secondthought.study.arms import StudyArm, arms_of
from secondthought.study.config import SEED, StudyConfig


def missing(study: StudyConfig, source: str) -> Iterator[str]:
    """Yield a sentence for each model, file and problem that a run needs and that is not there.

    What looks like a hub id is not looked up. A run that was begun has passed these checks, and is left out of those
    that need its task.
    """
    known: dict[str, list[str]] = {}
    told: set[str] = set()
    for arm in arms_of(study, source):
        for seed, name in zip(arm.config.seeds, arm.run_names, strict=True):
            config = arm.unprimed(seed)
            found = [*_missing_model(arm, config, seed)]
            if not is_run(study.out / name):
                found += _missing_rows(config, known)
            for sentence in found:
                if sentence not in told:
                    told.add(sentence)
                    yield f"{source}: arms.{arm.name}: {sentence}"


def _missing_model(arm: StudyArm, config: RunConfig, seed: int) -> Iterator[str]:
    path = config.model.path
    # A path with {seed} is never a hub id, though `bases/terse-7` looks like one.
    reason = why_missing(path, may_be_hub_id=SEED not in arm.study.model_of(arm.name))
    if reason:
        yield f"settings.model.path: {path}: {reason}{_command_that_builds(arm.config.base, path, seed)}"


def _missing_rows(config: RunConfig, known: dict[str, list[str]]) -> list[str]:
    """Return what is missing; for arms and seeds that ask for the same problems and files it is looked up once."""
    numbers, files = (config.train.eval_problems, config.evaluation.problems), files_of(config)
    asked = json.dumps([config.task.model_dump(mode="json"), numbers, files], sort_keys=True, default=str)
    if asked not in known:
        try:
            draws = draws_of(config, tasks.load(config.task.name, config.task.options))
            known[asked] = shortfalls(Plan(draws=draws, files=files))
        except SecondthoughtError as error:
            known[asked] = [str(error)]
    return known[asked]


def _command_that_builds(base: str, path: str, seed: int) -> str:
    """Return how a base is made that is called as a recipe is; an empty text for any other model."""
    return f"; build it: secondthought organism build {base} {path} --seed {seed}" if base in RECIPES else ""
