"""Measure peak memory of sampling and of the update as groups grow, beside the formulas of `preflight.resources`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from secondthought.bench.update import make_model
from secondthought.config import AlgorithmConfig, CriticConfig, TrainConfig
from secondthought.errors import RunError
from secondthought.preflight.resources import memory, sampling_memory
from secondthought.preflight.resources.inputs import shape_of
from secondthought.preflight.resources.memory import Learning, Trees
from secondthought.preflight.resources.model_shape import ModelShape
from secondthought.preflight.resources.sampling_memory import Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A `Probe` measures a model, each time in a fresh process; `model` is a directory that holds a config.json."""

    model: Path
    threads: int = 1
    device: str = "cpu"
    precision: str = "fp32"
    algorithm: AlgorithmConfig = field(default_factory=lambda: AlgorithmConfig(kl_ref=0.001))
    critic: CriticConfig = field(default_factory=CriticConfig)
    """Settings of the critic, read where the algorithm has one."""
    train: TrainConfig = field(default_factory=lambda: TrainConfig(micro_batch_tokens=10**9))

    def sampling(self, rows: Rows) -> dict[str, Any]:
        """Measure one call of the sampler, every row to its end: peak bytes above the bare interpreter, and seconds."""
        return self._run({"rows": asdict(rows)})

    def update(self, trees: Trees) -> dict[str, Any]:
        """Measure one update in the same way; a critic's advantages and its own updates are part of it."""
        return self._run({"trees": asdict(trees)})

    def _settings(self) -> dict[str, Any]:
        parts = {name: getattr(self, name).model_dump(mode="json") for name in ("algorithm", "critic", "train")}
        plain = {name: getattr(self, name) for name in ("threads", "device", "precision")}
        return {**plain, **parts, "model": str(self.model)}

    def _run(self, what: dict[str, Any]) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            job = Path(folder) / "job.json"
            job.write_text(json.dumps({**self._settings(), **what}), encoding="utf-8")
            words = [sys.executable, "-m", "secondthought.bench.probes.memory", str(job)]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            if done.returncode < 0:
                raise RunError(f"the measuring process was ended by signal {-done.returncode}: too little memory here")
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise RunError(f"the measuring process failed: {last}")
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return found


def sampling_need(shape: ModelShape, rows: Rows, learning: Learning) -> int:
    """Estimate by formula the bytes that `Probe.sampling` measures."""
    stays = memory.total(memory.resident(shape, learning))
    return stays + memory.total(sampling_memory.sampling(shape, rows, learning))


def update_need(shape: ModelShape, trees: Trees, learning: Learning) -> int:
    """Estimate by formula the bytes that `Probe.update` measures.

    The update is one micro-batch, so gradients do not lie beside all activations.
    """
    stays = memory.resident(shape, learning)
    return memory.total(stays) - stays["gradients"] + memory.total(memory.update(shape, trees, learning))


def run(
    *,
    groups: Sequence[int] = (4, 8, 16, 32),
    trunk: int = 700,
    branch: int = 100,
    trunks: int = 8,
    hidden: int = 256,
    layers: int = 6,
    precision: str = "fp32",
    threads: int = 1,
) -> dict[str, Any]:
    """Measure sampling of `trunks` groups at once and an update on one group, for each group size, beside formulas."""
    model = make_model(hidden, layers)
    shape = shape_of(model.config, source="bench")
    with tempfile.TemporaryDirectory() as folder:
        model.config.save_pretrained(folder)
        probe = Probe(model=Path(folder), threads=threads, precision=precision)
        raw = {str(group): _measured(probe, shape, trunks, group, trunk, branch) for group in groups}
    return {
        "settings": {
            "groups": list(groups),
            "trunk": trunk,
            "branch": branch,
            "trunks": trunks,
            "parameters": shape.parameters,
            "precision": precision,
            "threads": threads,
            "torch": torch.__version__,
            "load": os.getloadavg(),
        },
        "raw": raw,
        "ratios": {
            f"{what}_formula_to_peak_{group}": found[what]["formula"] / found[what]["peak"]
            for group, found in raw.items()
            for what in ("sampling", "update")
        },
    }


def _measured(
    probe: Probe, shape: ModelShape, trunks: int, group: int, trunk: int, branch: int
) -> dict[str, dict[str, Any]]:
    learning = Learning(trainable=shape.parameters, reference=True, precision=probe.precision)
    rows = Rows(U=trunks, S=group, P=trunk, T=0, R=branch)
    trees = Trees(U=1, P=trunk, G=group, R=branch, M=group * branch)
    return {
        "sampling": {**probe.sampling(rows), "formula": sampling_need(shape, rows, learning)},
        "update": {**probe.update(trees), "formula": update_need(shape, trees, learning)},
    }
