"""Time whole training steps of one process beside several that share the work, each on the same threads.

All play the same problems with the same keys from the same weights, at a learning rate so small that the model stays
what it is, so what is sampled and learned is the same; the counts in `raw` show it. Each side is a `torchrun` of its
own. One process is timed before the others and after them, so that a change of the machine's load meets both; medians
over the timed steps. The wall clock is the slowest process's. The processor time is the busiest process's, part by
part: what a step would take on a machine that does nothing else, if exchanges took no waiting; on a busy machine, read
that one. Ratios are step rates: above 1, several are faster.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from secondthought.bench.clocks import CLOCKS, SUFFIXES, Seconds
from secondthought.bench.step import Steps, StepSettings, counts, described
from secondthought.config import RunConfig
from secondthought.errors import RunError
from secondthought.inference.loading import load_policy

ONE, SEVERAL = "one", "several"
_ERROR = re.compile(r"^[\w.]*Error: (.*)", re.MULTILINE)


def run(
    *,
    processes: int = 2,
    **sizes: Any,
) -> dict[str, Any]:
    """Time one process and several; return settings, seconds per step and of its parts, and the ratios of medians.

    `sizes` are `StepSettings`.
    """
    settings = StepSettings(**sizes)
    load_before = os.getloadavg()
    config = settings.config()
    load_policy(config.model)  # what is wrong with it is said here, once
    ranks: dict[str, list[Steps]] = {ONE: [Steps()], SEVERAL: [Steps() for _ in range(processes)]}
    for name, size in ((ONE, 1), (SEVERAL, processes), (ONE, 1)):
        for taken, more in zip(ranks[name], timed(config, size, settings.threads), strict=True):
            taken += more
    sides = {name: slowest(taken) for name, taken in ranks.items()}
    medians = {clock: {name: side.medians(clock) for name, side in sides.items()} for clock in CLOCKS}
    return {
        "settings": described({"processes": processes, **asdict(settings)}, config, load_before),
        "raw": {
            "seconds": {name: [side.seconds() for side in taken] for name, taken in ranks.items()},
            **counts({name: taken[0] for name, taken in ranks.items()}),
        },
        "median_seconds": medians["wall"],
        "median_cpu_seconds": medians["cpu"],
        "ratios": {
            f"rate{'' if part == 'step' else f'_{part}'}{suffix}": medians[clock][ONE][part] / value
            for clock, suffix in SUFFIXES.items()
            for part, value in medians[clock][SEVERAL].items()
        },
    }


def timed(config: RunConfig, size: int, threads: int) -> list[Steps]:
    """Return what each of `size` processes took for the config's steps.

    Raises:
        RunError: one of them failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        job, answer = Path(folder) / "job.json", Path(folder) / "answer.json"
        asked = {"config": config.model_dump(mode="json"), "threads": threads, "answer": str(answer)}
        job.write_text(json.dumps(asked), encoding="utf-8")
        launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(size)]
        done = subprocess.run(
            [*launch, "-m", "secondthought.bench.probes.processes", str(job)],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": str(threads), "CUDA_VISIBLE_DEVICES": ""},
        )
        if done.returncode or not answer.is_file():
            found = _ERROR.search(done.stderr)
            last = found[1] if found else (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise RunError(f"bench processes: one of {size} failed: {last}")
        return [Steps.of(item) for item in json.loads(answer.read_text(encoding="utf-8"))]


def slowest(ranks: list[Steps]) -> Steps:
    """Return steps of which each part is as long as the process that took longest for it."""
    parts = {
        part: Seconds(*([max(times) for times in zip(*_clocks(ranks, part, clock), strict=True)] for clock in CLOCKS))
        for part in ("sampling", "update")
    }
    first = ranks[0]
    return Steps(
        **parts,
        failures=first.failures,
        groups_learned=first.groups_learned,
        sampled_tokens=first.sampled_tokens,
    )


def _clocks(ranks: list[Steps], part: str, clock: str) -> list[list[float]]:
    return [getattr(getattr(side, part), clock) for side in ranks]
