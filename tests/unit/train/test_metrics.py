"""docs/metrics.md and what runs write are the same list."""

import re
from pathlib import Path

from small_runs import small_config

from secondthought.runs.recorder import read_metrics
from secondthought.train.run import execute

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"


def test_every_name_is_defined_and_every_defined_name_is_written(tmp_path, checkpoints):
    config = small_config(
        tmp_path / "run",
        checkpoints / "qwen2",
        train={"steps": 2},
        evaluation={"controls": False, "habits": "patterns"},
    )
    execute(config, quiet=True)
    with_critic = small_config(
        tmp_path / "ppo",
        checkpoints / "qwen2",
        algorithm={"type": "ppo"},
        train={"steps": 1},
        evaluation={"controls": False, "problems": 2},
    )
    execute(with_critic, quiet=True)
    written = {key for run in ("run", "ppo") for row in read_metrics(tmp_path / run / "metrics.jsonl") for key in row}
    written |= {"inference/gap", "inference/staleness"}  # of a run that a server samples: tests/unit/inference/served
    assert written == set(re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(), flags=re.MULTILINE))
