"""`secondthought train reflect-retry|grpo|retry-only|rloo|reinforce|ppo`: one config, one run directory."""

from __future__ import annotations

import json
from pathlib import Path

from secondthought.cli._errors import rank
from secondthought.cli._options import parse
from secondthought.cli._output import write_line, write_text
from secondthought.cli._summary import print_summary
from secondthought.cli._tasks import load_task
from secondthought.config import RunConfig, resolve
from secondthought.errors import ConfigError

_OWN = ("config", "resume", "overwrite", "dry_run", "quiet", "json_")


class Options(RunConfig):
    """Train a model. Settings come from flags, then from CONFIG, then from defaults.

    --model PATH is short for --model.path PATH. Options of the task itself are set with --task.options.NAME VALUE.
    """

    config: Path | None = None
    """A TOML file of settings; sparse: what it leaves out keeps its default."""
    resume: bool = False
    """Go on with the run in run_dir."""
    overwrite: bool = False
    """Delete the run in run_dir first."""
    dry_run: bool = False
    """Print the resolved config as JSON and stop."""
    quiet: bool = False
    """No progress on stderr."""
    json_: bool = False
    """Print the run's summary as one JSON object."""


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
    given = parse(
        Options, _long_model(argv), prog, positional=("config",), reserved=_OWN[1:], fixed={"algorithm.type": algorithm}
    )
    config = resolve(given.model_dump(exclude=set(_OWN)), source="command line")
    if given.dry_run:
        write_text(json.dumps(config.model_dump(mode="json"), indent=2))
        return
    if given.resume and given.overwrite:
        raise ConfigError("--resume goes on with a run, --overwrite deletes it; give one of them")
    load_task(config.task.name, config.task.options)
    from secondthought.train.run import execute

    summary = execute(
        config, resume=given.resume, overwrite=given.overwrite, quiet=given.quiet, command=[*prog.split(), *argv]
    )
    if rank() > 0:  # one of several processes: the first one speaks
        return
    if given.json_:
        write_line({"run_dir": str(config.run_dir), **summary})
    else:
        print_summary(config.run_dir, summary)


def _long_model(argv: list[str]) -> list[str]:
    words = []
    for word in argv:
        flag, equals, value = word.partition("=")
        words.append(f"--model.path{equals}{value}" if flag == "--model" else word)
    return words
