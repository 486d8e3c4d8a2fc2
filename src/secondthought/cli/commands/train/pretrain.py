"""`secondthought train pretrain` continues the pretraining of a model on documents."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secondthought.cli.options import parse
from secondthought.cli.output import write_text
from secondthought.cli.run_options import OWN, SHORT, RunFlags, run_as_asked
from secondthought.config.base import completed
from secondthought.config.pretrain import PretrainConfig
from secondthought.errors import ConfigError


class Options(PretrainConfig, RunFlags):
    """Continue the pretraining of a model on documents. Settings come from flags, then CONFIG, then defaults.

    --data FILE... names files or folders of documents, as `corpora measure` reads them; the sets of `corpora select`
    are such files. Documents are cut into windows of --max-length tokens and packed; no token sees another document.
    With --learn responses a row's "prompt" is read and only what follows it is learned. --train.tokens ends the run
    after just so many learned tokens, so that arms of a study learn equally many.

    --model PATH is short for --model.path PATH, --out DIR for --run-dir DIR; DIR/model is the trained model. For
    adapters instead of whole weights give --model.lora.rank 16.
    """


def run(argv: list[str], prog: str) -> None:
    """Train on documents and print the losses."""
    given = parse(Options, argv, prog, positional=("config",), reserved=OWN[1:], aliases=SHORT)
    config = completed(PretrainConfig, given.model_dump(exclude=set(OWN)), source="command line")
    run_as_asked(config, given, [*prog.split(), *argv], _train, _show)


def _train(config: PretrainConfig, **how: Any) -> dict[str, Any]:
    if not config.data:
        raise ConfigError("--data is missing: name files or folders of documents to learn from")
    from secondthought.train.pretrain.run import train_pretrain

    return train_pretrain(config, **how)


def _show(run_dir: Path, summary: Mapping[str, Any]) -> None:
    write_text(_sentence(run_dir, summary))


def _sentence(run_dir: Path, summary: Mapping[str, Any]) -> str:
    before, after = summary.get("eval_loss_before"), summary.get("eval_loss_after")
    held_out = ""
    if before is not None and after is not None:
        held_out = f", held-out perplexity {_perplexity(before)} -> {_perplexity(after)}"
    return (
        f"{run_dir / summary['checkpoint']}: {summary['tokens_learned']:.0f} tokens of {summary['documents']} "
        f"documents learned in {summary['steps']} steps, loss {summary['loss']:.4g}{held_out}"
    )


def _perplexity(loss: float) -> str:
    """Write the perplexity that a loss in nats a token is.

    >>> _perplexity(2.0)
    '7.389'
    """
    return f"{math.exp(min(loss, 700.0)):.4g}"
