"""`secondthought train sft`: learn from completions that are given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secondthought.cli._errors import rank
from secondthought.cli._options import parse
from secondthought.cli._output import write_line, write_text
from secondthought.cli._tasks import load_task
from secondthought.errors import ConfigError
from secondthought.train.sft_config import SftConfig, resolve_sft

_OWN = ("config", "resume", "overwrite", "dry_run", "quiet", "json_")
_SHORT = {"--model": "--model.path", "--out": "--run-dir"}


class Options(SftConfig):
    """Train a model on completions that are given. Settings come from flags, then from CONFIG, then from defaults.

    --data FILE holds JSON lines, each with a "completion" and one of "messages" (a list of {"role", "content"}, put in
    the model's chat template), "problem" (data of the task that --task names) or "prompt" (a text taken as it is).
    Only completions are learned, and the token that ends them; prompts are read. A bad row or one longer than
    --max-length is named and refused, never cut.

    --model PATH is short for --model.path PATH, --out DIR for --run-dir DIR; DIR/model is the trained model. Options of
    the task are set with --options.NAME VALUE. For adapters instead of whole weights give --model.lora.rank 16.
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


def run(argv: list[str], prog: str) -> None:
    """Train on a file."""
    given = parse(Options, _long(argv), prog, positional=("config",), reserved=_OWN[1:])
    config = resolve_sft(given.model_dump(exclude=set(_OWN)), source="command line")
    if given.dry_run:
        write_text(json.dumps(config.model_dump(mode="json"), indent=2))
        return
    if given.resume and given.overwrite:
        raise ConfigError("--resume goes on with a run, --overwrite deletes it; give one of them")
    if config.data is None or not config.data.is_file():
        raise ConfigError(f"--data {config.data or 'FILE'}: no such file; name a file of JSON lines to learn from")
    if config.task is not None:
        load_task(config.task, config.options)
    from secondthought.train.sft import train_sft

    summary = train_sft(
        config, resume=given.resume, overwrite=given.overwrite, quiet=given.quiet, command=[*prog.split(), *argv]
    )
    if rank() > 0:  # one of several processes: the first one speaks
        return
    if given.json_:
        write_line({"run_dir": str(config.run_dir), **summary})
    else:
        write_text(_sentence(config.run_dir, summary))


def _sentence(run_dir: Path, summary: Mapping[str, Any]) -> str:
    before, after = summary.get("eval_loss_before"), summary.get("eval_loss_after")
    held_out = "" if before is None or after is None else f", held-out loss {before:.4g} -> {after:.4g}"
    return (
        f"{run_dir / summary['checkpoint']}: {summary['steps']} steps on {summary['examples']} examples, "
        f"loss {summary['loss']:.4g}{held_out}"
    )


def _long(argv: list[str]) -> list[str]:
    words = []
    for word in argv:
        flag, equals, value = word.partition("=")
        words.append(f"{_SHORT.get(flag, flag)}{equals}{value}")
    return words
