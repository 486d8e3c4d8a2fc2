"""Continued pretraining as a run: the windows of documents are learned to an exact number of tokens.

The order of windows is a hash of seed and epoch, so a resumed run is the run that was never killed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from secondthought.config.pretrain import PretrainConfig
from secondthought.errors import ConfigError
from secondthought.runs.trackers import Tracker
from secondthought.train.likelihood.run import train_on
from secondthought.train.pretrain.inputs import PretrainMaterial

ARM = "pretrain"


def train_pretrain(
    config: PretrainConfig,
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
    if not config.data:
        raise ConfigError("data is missing: name files or folders of documents with --data FILE")
    return train_on(
        lambda: PretrainMaterial.of(config),
        config,
        arm=ARM,
        resume=resume,
        overwrite=overwrite,
        quiet=quiet,
        command=command,
        trackers=trackers,
    )
