"""Weights & Biases follows a run; without a key its rows are kept in RUN/wandb, and `wandb sync` sends them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secondthought.runs.trackers.identity import identity

PROJECT = "secondthought"


class WandbTracker:
    """A `WandbTracker` logs to the project that `WANDB_PROJECT` names; a resumed run goes on as the same run there."""

    def __init__(self, run_dir: Path, settings: Mapping[str, Any]) -> None:
        self._run_dir, self._settings = run_dir, dict(settings)
        self._run: Any = None

    def row(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log the metrics of a step that were measured; of a step that was told before the service keeps the first."""
        if self._run is None:
            self._run = self._open()
        self._run.log({name: value for name, value in metrics.items() if value == value}, step=step)

    def close(self) -> None:
        """Send what is left."""
        if self._run is not None:
            self._run.finish()

    def _open(self) -> Any:
        import wandb

        return wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=self._run_dir.name,
            id=identity(self._run_dir),
            dir=str(self._run_dir),
            config=self._settings,
            resume="allow",
            mode=_mode(),
            # The service neither prints nor takes over stdout, where a command's results go.
            settings=wandb.Settings(silent=True, console="off"),
        )


def _mode() -> Any:
    """Return how the service is spoken to: as its own variable says, else online where a key is known.

    Without this it would ask for a key on the terminal, and training would wait.
    """
    import wandb

    return os.environ.get("WANDB_MODE") or ("online" if wandb.login(prompt=False) else "offline")
