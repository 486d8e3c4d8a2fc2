"""The demo: the main job on the shipped small model, with settings that fit two CPU cores and a few minutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from secondthought.config import RunConfig, overlay, read_toml, resolve
from secondthought.train.run import REPORT, execute

QUICK: Mapping[str, Any] = {
    "train": {"steps": 4, "eval_every": 2, "eval_problems": 50},
    "evaluation": {"problems": 50, "temperatures": [1.0]},
}
"""What `--quick` changes: a minute that shows every stage and proves nothing."""


def demo_config(*, run_dir: Path, seed: int = 0, quick: bool = False) -> RunConfig:
    """Read the demo's settings, which ship inside the package: the demo needs no checkout."""
    source = resources.files("secondthought.train") / "demo.toml"
    with resources.as_file(source) as path:
        data = read_toml(path)
    data = overlay(data, {"run_dir": str(run_dir), "seed": seed})
    return resolve(overlay(data, QUICK) if quick else data, source="demo.toml")


def demo(
    *,
    run_dir: Path,
    seed: int = 0,
    quick: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = True,
    command: Sequence[str] = (),
) -> dict[str, Any]:
    """Run the demo and return its summary with the report's path under `report`."""
    config = demo_config(run_dir=run_dir, seed=seed, quick=quick)
    summary = execute(config, resume=resume, overwrite=overwrite, quiet=quiet, command=command)
    return {**summary, "report": str(run_dir / REPORT)}
