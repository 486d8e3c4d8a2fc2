"""A training curve at full precision: whoever changes a number that training computes sees it here.

Exact on the platform that wrote it, close elsewhere. `make golden` rewrites it; review the difference.
"""

import json
import os
from pathlib import Path

import pytest
from small_runs import small_config
from this_platform import this_platform

from secondthought.runs.recorder import read_metrics
from secondthought.train.run import execute

KEYS = ("loss/total", "reward/mean", "policy/kl_ref", "optim/grad_norm", "tokens/sampled", "eval/second_try")
STEPS = 20
CURVES = {
    "reflect_retry": {"credit": "reflection", "kl_anchor": 0.1},
    "credit_all": {"credit": "all", "retries": 2, "scale_by_std": True},
    "ppo": {"type": "ppo", "kl_ref": 0.0, "kl_reward": 0.05, "entropy_bonus": 0.01},
}
KEYS_OF_A_CRITIC = ("loss/value", "critic/value_mean", "critic/explained_variance", "policy/kl_reward")
CRITIC = {"lr": 3e-3, "mini_batches": 3}


def curve(run_dir, model, algorithm):
    training = {"steps": STEPS, "eval_every": 10, "checkpoint_every": STEPS, "groups_per_step": 3}
    settings = {"algorithm": algorithm, "train": training, "evaluation": {"controls": False, "problems": 2}}
    keys = KEYS
    if algorithm.get("type") == "ppo":
        settings = {**settings, "critic": CRITIC, "train": {**training, "mini_batches": 2}}
        keys = (*KEYS, *KEYS_OF_A_CRITIC)
    execute(small_config(run_dir, model, **settings), quiet=True)
    rows = read_metrics(run_dir / "metrics.jsonl")
    return [{key: _known(row.get(key)) for key in ("step", *keys)} for row in rows]


def _known(value):
    """NaN as null, so that curves compare."""
    return None if value is None or value != value else value


@pytest.mark.parametrize("name", CURVES)
def test_curve(tmp_path, checkpoints, name):
    file = Path(__file__).with_name(f"{name}.json")
    found = curve(tmp_path / "run", checkpoints / "qwen2", CURVES[name])
    assert sum(row["optim/grad_norm"] is not None for row in found) > STEPS / 2
    if os.environ.get("SECONDTHOUGHT_GOLDEN") == "write":
        rows = ",\n".join(f"  {json.dumps(row)}" for row in found)
        file.write_text(f'{{"platform": {json.dumps(this_platform())},\n "curve": [\n{rows}\n]}}\n')
    golden = json.loads(file.read_text())
    if golden["platform"] == this_platform():
        assert found == golden["curve"]
    for row, wanted in zip(found, golden["curve"], strict=True):
        assert [key for key in row if row[key] is None] == [key for key in wanted if wanted[key] is None]
        assert _numbers(row) == pytest.approx(_numbers(wanted), rel=1e-2, abs=1e-3)


def _numbers(row):
    return {key: value for key, value in row.items() if value is not None}
