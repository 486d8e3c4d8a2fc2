"""Train a model on the task of `own_task.py`, from Python: settings, run, numbers, report.

    python examples/train_own_task.py MODEL RUN_DIR

MODEL is a checkpoint directory or a hub id; for a real run take an instruct model that solves some of the problems, and
more steps, groups and problems than here. These settings show that everything runs.
"""

import sys
from pathlib import Path

from own_task import Backwards

from secondthought import RunConfig, execute
from secondthought.config import AlgorithmConfig, EpisodeConfig, EvalConfig, ModelConfig, TaskConfig, TrainConfig


def main(model: str, run_dir: str) -> None:
    """Two steps, and the first and second try before and after."""
    config = RunConfig(
        run_dir=Path(run_dir),
        task=TaskConfig(name=f"{Backwards.__module__}:{Backwards.__qualname__}", train_problems=64),
        model=ModelConfig(path=model),
        episode=EpisodeConfig(max_attempt_tokens=8, max_reflection_tokens=8),
        algorithm=AlgorithmConfig(group_size=4),
        train=TrainConfig(steps=2, groups_per_step=4, eval_every=1, eval_problems=8),
        evaluation=EvalConfig(problems=16, temperatures=(1.0,)),
    )
    summary = execute(config, overwrite=True, quiet=True)
    for side in ("before", "after"):
        rates = summary[side]["t1.0"]
        print(side, *(f"{name} {rates[name]['estimate']:.2f}" for name in ("first_try", "second_try")))
    print("difference of second tries:", summary["paired"]["t1.0"]["second_try"])
    print("report:", config.run_dir / "report.html")


if __name__ == "__main__":
    main(*sys.argv[1:])
