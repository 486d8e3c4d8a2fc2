"""A corpus is measured: which habits its documents show, whether they set problems and solve them, per source.

inputs -> pieces -> (read, detect, write) each -> counts of all
"""

from __future__ import annotations

import json
from pathlib import Path

from secondthought.data.corpora.counts import CorpusCounts, merged
from secondthought.data.corpora.piece_step import MeasurePieces, Outputs
from secondthought.data.corpora.running import How, run_step
from secondthought.errors import ConfigError
from secondthought.progress import SILENT, Onlooker

MANIFEST = "corpus.json"


def measure(step: MeasurePieces, how: How | None = None, onlooker: Onlooker = SILENT) -> CorpusCounts | None:
    """Measure the pieces that are not measured yet, and return the counts of all.

    Returns:
        None while an executor that only submits (Slurm) has not done all of it: the same call later returns them.

    Raises:
        ConfigError: the folder holds what other settings made, or the executor or the packer is not installed.
        OSError: results cannot be written.
    """
    step.outputs.require_packer()
    if not run_step(step, how or How(), MANIFEST, "corpus", onlooker):
        return None
    return merged(step.outputs.read_counts(number) for number in range(len(step.pieces)))


def measured(folder: Path) -> tuple[Outputs, CorpusCounts]:
    """Open a folder that `measure` has filled.

    Raises:
        ConfigError: it is none, or not all of it is measured yet.
    """
    path = folder.expanduser().absolute() / MANIFEST
    if not path.is_file():
        raise ConfigError(f"{folder}: is no measured corpus; `secondthought corpora measure` writes one")
    made_of = json.loads(path.read_text("utf-8"))
    outputs, pieces = Outputs(folder=path.parent, packed=made_of["packed"]), len(made_of["pieces"])
    undone = sum(not outputs.counts(number).exists() for number in range(pieces))
    if undone:
        raise ConfigError(
            f"{folder}: {undone} of {pieces} pieces are not measured yet; give the command that measures it again"
        )
    return outputs, merged(outputs.read_counts(number) for number in range(pieces))
