"""`secondthought train reflect-retry|grpo|retry-only|rloo|reinforce|ppo`: one config, one run directory."""

from __future__ import annotations

from functools import partial
from typing import Any

from secondthought.cli.loading import load_task
from secondthought.cli.options import parse
from secondthought.cli.run_options import OWN, RunFlags, long_flags, run_as_asked
from secondthought.cli.summary_table import print_summary
from secondthought.config import RunConfig, resolve
from secondthought.runs.declaration import Declaration


class Options(RunConfig, RunFlags):
    """Train a model. Settings come from flags, then from CONFIG, then from defaults.

    --model PATH is short for --model.path PATH. Options of the task itself are set with --task.options.NAME VALUE.
    """

    origin: Declaration = Declaration()
    """What reports compare runs by, as a study says it of its own; nothing is trained by it."""


def reflect_retry(argv: list[str], prog: str) -> None:
    """Train on reflections."""
    _run(argv, prog, "reflect-retry")


def grpo(argv: list[str], prog: str) -> None:
    """Train on first tries."""
    _run(argv, prog, "grpo")


def retry_only(argv: list[str], prog: str) -> None:
    """Train on retries that follow no reflection."""
    _run(argv, prog, "retry-only")


def rloo(argv: list[str], prog: str) -> None:
    """Train on first tries, each against the others of its group."""
    _run(argv, prog, "rloo")


def reinforce(argv: list[str], prog: str) -> None:
    """Train on first tries by REINFORCE with a mean as baseline."""
    _run(argv, prog, "reinforce")


def ppo(argv: list[str], prog: str) -> None:
    """Train on first tries by PPO with a critic."""
    _run(argv, prog, "ppo")


def _run(argv: list[str], prog: str, algorithm: str) -> None:
    words, fixed = long_flags(argv), {"algorithm.type": algorithm}
    given = parse(Options, words, prog, positional=("config",), reserved=OWN[1:], fixed=fixed)
    config = resolve(given.model_dump(exclude={*OWN, "origin"}), source="command line")
    train = partial(_train, declared=None if given.origin == Declaration() else given.origin)
    run_as_asked(config, given, [*prog.split(), *argv], train, print_summary)


def _train(config: RunConfig, **how: Any) -> dict[str, Any]:
    load_task(config.task.name, config.task.options)
    from secondthought.train.run import execute

    return execute(config, **how)
