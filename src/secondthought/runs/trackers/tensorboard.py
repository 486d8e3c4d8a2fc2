"""TensorBoard follows a run through event files in RUN/tensorboard: `tensorboard --logdir runs` shows them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = "tensorboard"


class TensorBoardTracker:
    """A `TensorBoardTracker` writes event files; what a resumed run tells again takes the place of what was told."""

    def __init__(self, run_dir: Path, settings: Mapping[str, Any]) -> None:
        self._directory = run_dir / FOLDER
        self._writer: Any = None

    def row(self, step: int, metrics: Mapping[str, float]) -> None:
        """Write the metrics of a step that were measured, and let readers see them."""
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            # Readers leave out what older files of the directory tell of this step and later ones.
            self._writer = SummaryWriter(str(self._directory), purge_step=step)
        for name, value in metrics.items():
            if value == value:
                self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.close()
