"""Time updates of a checkpoint with an adapter in a process of its own: JSON job on stdin, one JSON object on stdout.

Job: `checkpoint` directory, `lora` rank and alpha, `trunk` ids, `completions` (ids per row), `rewards` (per row),
`steps`, `warmup`, `threads`, `bf16`. It is the job of the peer's `trl_update`. Answer: `seconds` and `cpu_seconds` per
timed step, and in bytes `resident` after them and the process's `peak`, its loading included.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import torch

from secondthought.bench.clocks import Seconds, now
from secondthought.bench.probes.memory import memory_now, peak
from secondthought.config import AlgorithmConfig, ModelConfig, OptimConfig, TrainConfig
from secondthought.inference.local import LocalPolicy
from secondthought.models.loading import load_model
from secondthought.train.learner import Learner
from secondthought.trees import TokenTree, TreeBranch

CPU = torch.device("cpu")


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Take the job's steps and return what they took."""
    torch.set_num_threads(job["threads"])
    config = ModelConfig(path=job["checkpoint"], precision="bf16" if job["bf16"] else "fp32", lora=job["lora"])
    policy = load_model(config, LocalPolicy)
    learner = Learner(policy, AlgorithmConfig(kl_ref=0.0), OptimConfig(), TrainConfig(micro_batch_tokens=1_000_000))
    tree, taken = tree_of(job), Seconds()
    for step in range(1, job["warmup"] + job["steps"] + 1):
        start = now()
        learner.update([tree], step)
        taken += Seconds.between(start, now())
    timed = taken.skip(job["warmup"])
    return {
        "seconds": timed.wall,
        "cpu_seconds": timed.cpu,
        "resident": memory_now(CPU),
        "peak": peak(CPU),
        "unshared_reason": policy.unshared_reason,
    }


def tree_of(job: dict[str, Any]) -> TokenTree:
    """Build the group of the job's rows; advantages are rewards less their mean."""
    mean = sum(job["rewards"]) / len(job["rewards"])
    branches = tuple(
        TreeBranch(
            token_ids=tuple(ids),
            old_logprobs=(-10.0,) * len(ids),
            advantages=(reward - mean,) * len(ids),
            learns=(True,) * len(ids),
            anchored=(False,) * len(ids),
        )
        for ids, reward in zip(job["completions"], job["rewards"], strict=True)
    )
    return TokenTree(trunk=tuple(job["trunk"]), trunk_anchored=(False,) * len(job["trunk"]), branches=branches)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(json.load(sys.stdin))) + "\n")
