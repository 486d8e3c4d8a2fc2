"""Time training steps in one of several processes that `torchrun` started; rank 0 writes down what each rank took.

`torchrun ... -m secondthought.bench.probes.processes JOB.json`; see `bench.processes`.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from secondthought import tasks
from secondthought.bench.step import timed_steps
from secondthought.config import RunConfig
from secondthought.distributed.world import World


def main(path: str) -> None:
    """Time the job's steps and write the answer."""
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    torch.set_num_threads(job["threads"])
    config = RunConfig.model_validate(job["config"])
    task = tasks.load(config.task.name, config.task.options)
    problems = task.problems("train", config.train.groups_per_step * config.train.steps, config.seed)
    with World.of_environment(config.train.timeout_s) as world:
        ranks = world.gather("the times", asdict(timed_steps(config, task, problems, world)))
        if world.is_first:
            Path(job["answer"]).write_text(json.dumps(ranks), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
    # What was measured is written. Threads of the process group may still be ending, and an interpreter that is taken
    # down meanwhile aborts now and then.
    os._exit(0)
