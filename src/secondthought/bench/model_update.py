"""Time an update of a checkpoint with an adapter, ours and TRL's with `peft` on the same rows: seconds, peak memory.

The rows are one group: a trunk and branches that all learn. Each side is a process of its own that loads the checkpoint
as its users do: ours holds frozen weights in bf16 where they are stored so, TRL in fp32 under autocast. A peak is that
of the whole process, loading and interpreter included.
"""

from __future__ import annotations

import os
import statistics
import sys
from typing import Any, Literal

from secondthought import rng
from secondthought.bench.peers.client import run_peer
from secondthought.errors import ConfigError

SETTINGS = ("model", "lora_rank", "trunk", "branch", "group", "steps", "threads", "precision", "peer_python")
"""Settings of `bench update` that concern a checkpoint."""
WARMUP = 1
WORDS = 1000
"""Ids are drawn from the first so many: every checkpoint has them."""


def run(
    *,
    model: str,
    lora_rank: int,
    trunk: int,
    branch: int,
    group: int,
    steps: int,
    threads: int,
    precision: Literal["fp32", "bf16"],
    peer_python: str | None = None,
) -> dict[str, Any]:
    """Measure both sides, ours alone without a peer; ratios are TRL's numbers over ours.

    Raises:
        ConfigError: `model` is no directory, or one of the processes failed.
    """
    if not os.path.isdir(model):
        raise ConfigError(f"bench update --model {model}: is no directory; give that of a checkpoint")
    settings = dict(locals())
    job = make_job(model, lora_rank, trunk, branch, group)
    job |= {"steps": steps, "warmup": WARMUP, "threads": threads, "bf16": precision == "bf16"}
    found = {"ours": run_peer(sys.executable, "update.py", job, package="secondthought.bench.probes")}
    if peer_python is not None:
        found["trl"] = run_peer(peer_python, "trl_update.py", job)
    medians = {side: statistics.median(answer["seconds"]) for side, answer in found.items()}
    ratios = (
        {
            "trl_to_ours": medians["trl"] / medians["ours"],
            "trl_to_ours_peak": found["trl"]["peak"] / found["ours"]["peak"],
        }
        if "trl" in found
        else {}
    )
    return {
        "settings": {**settings, "load": os.getloadavg()},
        "raw": found,
        "median_seconds": medians,
        "peak_gigabytes": {side: answer["peak"] / 1e9 for side, answer in found.items()},
        "ratios": ratios,
    }


def make_job(model: str, rank: int, trunk: int, branch: int, group: int) -> dict[str, Any]:
    """Make rows of random ids; rewards alternate, so half of the branches learn up and half down."""
    random = rng.stream("bench", "model update")

    def ids(count: int) -> list[int]:
        return [random.randrange(WORDS) for _ in range(count)]

    return {
        "checkpoint": model,
        "lora": {"rank": rank, "alpha": 2.0 * rank},
        "trunk": ids(trunk),
        "completions": [ids(branch) for _ in range(group)],
        "masks": [[1] * branch for _ in range(group)],
        "rewards": [float(index % 2) for index in range(group)],
    }
