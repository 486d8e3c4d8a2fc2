"""`secondthought organism build|check` trains a tiny model, or tests whether one listens to reflections."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from secondthought.cli.flags import named
from secondthought.cli.loading import FIXED_BY_PLACE, load_policy, load_task
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_text
from secondthought.cli.progress import ProgressFlags, progress
from secondthought.config import ModelConfig
from secondthought.config.values import Threads
from secondthought.errors import RunError


class BuildOrganismOptions(ProgressFlags):
    """Train a tiny model from nothing on transcripts that the recipe writes: an ordinary checkpoint with tokenizer.

    The recipe plants what to do with a reflection, and no first-try skill beyond what its transcripts show.
    """

    size: str
    """A recipe: small or large."""
    out: Path
    """Directory of the checkpoint."""
    steps: int | None = Field(None, ge=1)
    """Optimizer steps in place of the recipe's."""
    seed: int | None = None
    """Seed of weights and transcripts, in place of the recipe's."""
    precision: Literal["fp32", "bf16"] = "bf16"
    """What is computed in; the checkpoint is bf16."""
    threads: Threads | None = None
    """CPU threads of torch; default: all cores."""
    overwrite: bool = False
    """Write into `out` even if it holds files."""
    json_: bool = False
    """One JSON object instead of a sentence."""


class CheckOrganismOptions(ProgressFlags):
    """Print the listening table: right retries under an oracle's, the model's own, and other reflections.

    A model whose retries do not depend on what the reflection says cannot learn to reflect; exit code 1 if the oracle's
    reflections rescue less than .25 more than another problem's.
    """

    path: str
    """A checkpoint directory, a hub id, a shipped model's name, or `scripted`."""
    task: str = "countdown"
    """A task that knows oracle reflections."""
    options: dict[str, Any] = Field(default_factory=lambda: {"preset": "tiny"})
    """Options of the task's own; default: those of the shipped models."""
    count: int = Field(1000, ge=1, json_schema_extra=named("problems", also=("count",)))
    """Test problems."""
    seed: int = 0
    """Which problems, and what is sampled."""
    threads: Threads | None = None
    """CPU threads of torch; default: all cores."""
    json_: bool = False
    """One JSON object instead of a table."""
    model: ModelConfig = ModelConfig()


def build(argv: list[str], prog: str) -> None:
    """Train and write a model."""
    given = parse(BuildOrganismOptions, argv, prog, positional=("size", "out"), aliases={"--out": 1})
    if given.out.exists() and not given.overwrite and any(given.out.iterdir()):
        raise RunError(f"{given.out}: already holds files; choose another directory, or give --overwrite")
    import torch  # after parsing

    from secondthought.models.bf16_speed import warn_if_slow
    from secondthought.organisms.build import build as train

    if given.threads is not None:
        torch.set_num_threads(given.threads)
    with progress(given) as shown:
        if given.precision == "bf16":
            warn_if_slow("cpu", "--precision fp32")
        made = train(
            given.size,
            given.out,
            steps=given.steps,
            seed=given.seed,
            precision=given.precision,
            progress=lambda now: shown.headline([f"step {now.step}/{now.steps}", f"loss {now.loss:.3f}"]),
            onlooker=shown,
        )
    if given.json_:
        write_line({**asdict(made), "path": str(made.path)})
    else:
        write_text(f"{made.path}: {made.num_parameters} parameters, {made.steps} steps, loss {made.final_loss:.3f}")


def check(argv: list[str], prog: str) -> int:
    """Print the listening table; return 1 if the model does not listen."""
    given = parse(CheckOrganismOptions, argv, prog, positional=("path",), fixed=FIXED_BY_PLACE, aliases={"--model": 0})
    task = load_task(given.task, given.options)
    from secondthought.organisms.check import SHIP_AT
    from secondthought.organisms.check import check as listen

    with progress(given) as shown:
        policy = load_policy(given.model.model_copy(update={"path": given.path}), given.threads, shown)
        table = listen(policy, task, given.count, given.seed, onlooker=shown)
    if given.json_:
        write_line({**asdict(table), "may_ship": table.may_ship})
    else:
        write_text("\n".join(table.lines()))
        write_text(f"listens ({SHIP_AT} or more): {'yes' if table.may_ship else 'no'}")
    return 0 if table.may_ship else 1
