"""The options of `eval`: read by the command before torch is imported, and by what it then runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from secondthought.config import Config, EpisodeConfig, ModelConfig
from secondthought.types import Split


class Options(Config):
    """First try, second try and later ones of one or more models on the same problems.

    Every rate comes with its 95 % interval, every pair of models with a paired test. A model is a checkpoint directory,
    a hub id, a shipped model's name, or `scripted` (no torch; it cheats). --options.NAME VALUE sets the task's options.
    """

    models: tuple[str, ...] = ()
    """The models; each later one is compared with each before it."""
    tasks: tuple[str, ...] = ("countdown",)
    """Shipped tasks, `module:Class`, or .jsonl files of questions and answers."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the task's own; for one task only."""
    tries: int = Field(2, ge=1)
    """Rounds: 2 is try, reflection, retry."""
    problems: int = Field(200, ge=1)
    """Problems per task."""
    temperature: tuple[float, ...] = (1.0,)
    """One or more, side by side; 0 takes the likeliest token."""
    split: Split = "test"
    """Which problems."""
    seed: int = 0
    """Which problems of the split, and what is sampled."""
    controls: bool = False
    """Also retry under other reflections: none, another problem's, a general one, an oracle's, a contrary one."""
    out: Path | None = None
    """A new directory for the episodes, one file per model, task and temperature, and summary.json."""
    overwrite: bool = False
    """Write into `out` even if it holds files."""
    threads: int | None = Field(None, ge=1)
    """CPU threads of torch; default: all cores."""
    json_: bool = False
    """One JSON object instead of tables."""
    dry_run: bool = False
    """Print the resolved options as JSON and stop."""
    model: ModelConfig = ModelConfig()
    episode: EpisodeConfig = EpisodeConfig()
