"""`secondthought train sft` trains a model on completions that are given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secondthought.cli.loading import load_task
from secondthought.cli.options import parse
from secondthought.cli.output import write_text
from secondthought.cli.run_options import OWN, SHORT, RunFlags, run_as_asked
from secondthought.config.sft import SftConfig, resolve_sft
from secondthought.errors import ConfigError


class Options(SftConfig, RunFlags):
    """Train a model on completions that are given. Settings come from flags, then from CONFIG, then from defaults.

    --data FILE holds JSON lines, each with a "completion" and one of "messages" (a list of {"role", "content"}, put in
    the model's chat template, with the row's "tools" if it has any), "problem" (data of the task that --task names) or
    "prompt" (a text taken as it is). Only completions are learned, and the token that ends them; prompts are read. A
    bad row or one longer than --max-length is named and refused, never cut.

    --model PATH is short for --model.path PATH, --out DIR for --run-dir DIR; DIR/model is the trained model. Options of
    the task are set with --options.NAME VALUE. For adapters instead of whole weights give --model.lora.rank 16.
    """


def run(argv: list[str], prog: str) -> None:
    """Train on a file and print the losses."""
    given = parse(Options, argv, prog, positional=("config",), reserved=OWN[1:], aliases=SHORT)
    config = resolve_sft(given.model_dump(exclude=set(OWN)), source="command line")
    run_as_asked(config, given, [*prog.split(), *argv], _train, _show)


def _train(config: SftConfig, **how: Any) -> dict[str, Any]:
    if config.data is None or not config.data.is_file():
        raise ConfigError(f"--data {config.data or 'FILE'}: no such file; name a file of JSON lines to learn from")
    if config.task is not None:
        load_task(config.task, config.options)
    from secondthought.train.sft.run import train_sft

    return train_sft(config, **how)


def _show(run_dir: Path, summary: Mapping[str, Any]) -> None:
    write_text(_sentence(run_dir, summary))


def _sentence(run_dir: Path, summary: Mapping[str, Any]) -> str:
    before, after = summary.get("eval_loss_before"), summary.get("eval_loss_after")
    held_out = "" if before is None or after is None else f", held-out loss {before:.4g} -> {after:.4g}"
    return (
        f"{run_dir / summary['checkpoint']}: {summary['steps']} steps on {summary['examples']} examples, "
        f"loss {summary['loss']:.4g}{held_out}"
    )
