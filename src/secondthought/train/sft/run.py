"""Supervised fine-tuning as a run: the examples of a file are learned epoch by epoch.

The order of examples is a hash of seed and epoch, so a resumed run is the run that was never killed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from secondthought.config.sft import SftConfig
from secondthought.errors import ConfigError
from secondthought.runs.trackers import Tracker
from secondthought.train.likelihood.run import train_on
from secondthought.train.sft.inputs import SftMaterial

ARM = "sft"


def train_sft(
    config: SftConfig,
    *,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = True,
    command: Sequence[str] = (),
    trackers: Sequence[Tracker] = (),
) -> dict[str, Any]:
    """Run to the end, or from where it stood with `resume`, and return `summary.json`.

    The trained model is then in `model_of(config.run_dir)`. Under `torchrun` all processes call this alike. `trackers`
    are told of each step that is recorded, and closed at the end; one that fails is left out and stops nothing.

    Raises:
        SecondthoughtError: a setting, the data, the model or the directory is wrong.
    """
    if config.data is None:
        raise ConfigError("data is missing: name a file of JSON lines with --data FILE")
    path = config.data
    return train_on(
        lambda: SftMaterial.read(config, path),
        config,
        arm=ARM,
        resume=resume,
        overwrite=overwrite,
        quiet=quiet,
        command=command,
        trackers=trackers,
    )
