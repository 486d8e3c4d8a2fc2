"""`secondthought failures` collects failed first tries, for training to reflect on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from secondthought.cli.flags import Aliases
from secondthought.cli.loading import FIXED_BY_PLACE, load_policy, load_task
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_text
from secondthought.cli.progress import ProgressFlags, progress
from secondthought.config import EpisodeConfig, ModelConfig
from secondthought.config.values import Threads
from secondthought.errors import RunError
from secondthought.progress import Onlooker
from secondthought.protocols import Policy, Task
from secondthought.types import Problem, Split

_TOTALS = ("num_problems", "num_failures", "num_tries", "num_sampled_tokens")
_HIDDEN = (
    *("reflection_request", "retry_request", "repeat_task", "max_reflection_tokens"),
    *("feedback", "retry_sees", "note"),
)
"""Settings of turns that mining does not play."""


_SHORT: Aliases = {"--model": 0, "--temperature": "--episode.temperature"}


class Options(ProgressFlags):
    """Sample first tries until one fails; keep that one, with where it came from. Training reads the file.

    PATH is a checkpoint directory, a hub id, a shipped model's name, or `scripted` (no torch; it cheats).
    --options.NAME VALUE sets options of the task's own.
    """

    path: str
    """The model."""
    out: Path
    """The JSONL file to write."""
    task: str = "countdown"
    """A shipped task, `module:Class`, or a .jsonl file of questions and answers."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the task's own."""
    tries: int = Field(64, ge=1)
    """Most tries per problem; 64 in the paper."""
    problems: int = Field(1000, ge=1)
    """Problems to try."""
    split: Split = "train"
    """Which problems; failures of the test split must not be trained on."""
    seed: int = 0
    """Which problems of the split, and what is sampled."""
    overwrite: bool = False
    """Replace the file."""
    threads: Threads | None = None
    """CPU threads of torch; default: all cores."""
    json_: bool = False
    """One JSON object instead of a sentence."""
    dry_run: bool = False
    """Print the resolved options as JSON and stop."""
    model: ModelConfig = ModelConfig()
    episode: EpisodeConfig = EpisodeConfig()


def run(argv: list[str], prog: str) -> None:
    """Collect failures, write them, and say what it took."""
    fixed = {**FIXED_BY_PLACE, **{f"episode.{name}": EpisodeConfig.model_fields[name].default for name in _HIDDEN}}
    given = parse(Options, argv, prog, positional=("path",), fixed=fixed, aliases=_SHORT)
    if given.dry_run:
        write_text(json.dumps(given.model_dump(mode="json"), indent=2))
        return
    if given.out.exists() and not given.overwrite:
        raise RunError(f"{given.out}: exists already; choose another --out, or give --overwrite")
    task = load_task(given.task, given.options)
    problems = task.problems(given.split, given.problems, given.seed)
    with progress(given) as shown:
        policy = load_policy(given.model.model_copy(update={"path": given.path}), given.threads, shown)
        totals = _collect(given, policy, task, problems, shown)
    if given.json_:
        write_line({"out": str(given.out), **totals})
    else:
        write_text(
            f"{given.out}: {totals['num_failures']} failures of {totals['num_problems']} problems,"
            f" {totals['num_tries']} tries, {totals['num_sampled_tokens']} sampled tokens"
        )


def _collect(
    given: Options, policy: Policy, task: Task, problems: Sequence[Problem], onlooker: Onlooker
) -> dict[str, int]:
    """Write the failures, and return how many there are and what they took."""
    from secondthought.rollout import failure_file  # what plays problems, after parsing
    from secondthought.rollout.mining import mine
    from secondthought.rollout.player import Keys, Player

    player = Player.resolve(policy, task, given.episode, onlooker=onlooker)
    keys = Keys(seed=given.seed, phase="failures")
    found, stats = mine(player, problems, tries=given.tries, keys=keys, provenance={"split": given.split})
    failure_file.write(given.out, found)
    return {name: getattr(stats, name) for name in _TOTALS}
