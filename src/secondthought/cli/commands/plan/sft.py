"""`secondthought plan` estimates memory, tokens and time of fine-tuning, given a config of `train sft`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from secondthought.cli.commands.plan.tables import print_memory, print_model, print_time
from secondthought.cli.loading import load_task
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table, write_text
from secondthought.cli.run_options import SHORT
from secondthought.config.sft import SftConfig, resolve_sft
from secondthought.errors import ConfigError

_OWN = ("config", "examples", "tokens_per_example", "json_")


class Options(SftConfig):
    """Estimate memory, tokens and time of a fine-tuning run; nothing is trained, and no weights are read.

    Settings are those of `train sft`. The examples are counted in the file that --data names; without one, say what is
    known of them with --examples and --tokens-per-example.
    """

    config: Path | None = None
    """A TOML file of settings, as `train sft` reads it."""
    examples: int | None = Field(None, ge=1)
    """How many examples there will be, where there is no file to count them in."""
    tokens_per_example: float | None = Field(None, ge=2)
    """Tokens of a mean example, likewise; without it all are as long as the longest allowed."""
    json_: bool = False
    """One JSON object instead of tables."""


def run(argv: list[str], prog: str) -> None:
    """Print the plan of a fine-tuning run."""
    if "--measure" in argv:
        raise ConfigError("--measure measures a step of RL; a plan of fine-tuning has estimates only, so leave it out")
    given = parse(Options, argv, prog, positional=("config",), reserved=_OWN[1:], aliases=SHORT)
    config = resolve_sft(given.model_dump(exclude=set(_OWN)), source="command line")
    if config.task is not None:
        load_task(config.task, config.options)
    from secondthought.preflight.resources import describe

    plan = describe.make_sft(config, examples=given.examples, tokens=given.tokens_per_example)
    found = describe.describe_sft(plan)
    if given.json_:
        write_line({"kind": "sft", **found})
    else:
        _print(found, config)


def _print(found: Mapping[str, Any], config: SftConfig) -> None:
    examples, tokens, time = found["examples"], found["tokens"], found["time"]
    print_model(found["model"])
    write_text(_examples(examples, config))
    print_memory(found)
    rows = [
        [f"{title}: {name}", value]
        for part, title in (("per_step", "a step"), ("per_epoch", "an epoch"), ("run", "the run"))
        for name, value in tokens[part].items()
    ]
    write_table("tokens", ["", "number"], rows)
    write_text(_steps(tokens, config))
    print_time(time)
    share, rate = time["assumed_utilisation"]["update"], time["rates"]["update"]
    length = "examples of the mean length" if examples["tokens"] is not None else "every example as long as the longest"
    write_text(
        f"time assumes {share:.0%} of the matrix-product rate measured here just now, {rate / 1e9:.1f} GFLOP/s, and "
        f"{length}"
    )


def _examples(examples: Mapping[str, Any], config: SftConfig) -> str:
    if examples["examples"] is None:
        missing = f"{config.data} is not here" if config.data is not None else "no --data FILE is given"
        return f"how many examples: cannot be told, {missing}; say it with --examples N ({examples['source']})"
    return f"{examples['examples']:,} examples, {examples['held_out']:,} held out ({examples['source']})"


def _steps(tokens: Mapping[str, Any], config: SftConfig) -> str:
    if tokens["steps_per_epoch"] is None:
        known = (
            f"{tokens['steps']} steps as train.steps says" if tokens["steps"] else "steps of the run: cannot be told"
        )
        return f"steps an epoch: cannot be told; {known}"
    evaluations = f", {tokens['evaluations']} readings of the held-out examples" if tokens["evaluations"] else ""
    return f"{tokens['steps_per_epoch']} steps an epoch, {tokens['steps']} in all{evaluations}"
