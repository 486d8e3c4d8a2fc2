"""`secondthought train ALGORITHM`, a command for each row of `config.algorithms`: one config, one run directory."""

from __future__ import annotations

from functools import partial
from typing import Any

from secondthought.cli.loading import current_directory, load_task
from secondthought.cli.options import parse
from secondthought.cli.run_options import OWN, RL_SHORT, RunFlags, run_as_asked
from secondthought.cli.summary_table import print_summary
from secondthought.config import RunConfig, resolve
from secondthought.runs.declaration import Declaration


class Options(RunConfig, RunFlags):
    """Train a model. Settings come from flags, then from CONFIG, then from defaults.

    --model PATH is short for --model.path PATH, --task NAME for --task.name NAME. Options of the task itself are set
    with --task.options.NAME VALUE.
    """

    origin: Declaration = Declaration()
    """What reports compare runs by, as a study says it of its own; nothing is trained by it."""


def run(argv: list[str], prog: str) -> None:
    """Train by the algorithm that the command is called by."""
    fixed = {"algorithm.type": prog.split()[-1]}
    given = parse(Options, argv, prog, positional=("config",), reserved=OWN[1:], fixed=fixed, aliases=RL_SHORT)
    config = resolve(given.model_dump(exclude={*OWN, "origin"}), source="command line")
    if given.dry_run:
        _require(config)
    train = partial(_train, declared=None if given.origin == Declaration() else given.origin)
    run_as_asked(config, given, [*prog.split(), *argv], train, print_summary)


def _require(config: RunConfig) -> None:
    """Check what can be known beforehand, as training does."""
    from secondthought import requirements

    requirements.require(requirements.plan_of(config, load_task(config.task.name, config.task.options)))


def _train(config: RunConfig, **how: Any) -> dict[str, Any]:
    with current_directory():
        load_task(config.task.name, config.task.options)
        from secondthought.train.run import execute

        return execute(config, **how)
