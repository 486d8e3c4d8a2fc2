"""A training curve at full precision: whoever changes a number that training computes sees it here.

Exact on the platform that wrote it, close elsewhere. `make golden` rewrites it; review the difference.
"""

import json
import os
from pathlib import Path

import pytest
from small_runs import small_config
from this_platform import this_platform

from secondthought import load_policy, load_task
from secondthought.runs.recorder import read_metrics
from secondthought.train.run import execute

KEYS = ("loss/total", "reward/mean", "policy/kl_ref", "optim/grad_norm", "tokens/sampled", "eval/second_try")
EXAMPLES = Path(__file__).parents[2] / "examples"
STEPS = 20
CURVES = {
    "reflect_retry": {"credit": "reflection", "kl_anchor": 0.1},
    "one_page": {},
    "credit_all": {"credit": "all", "retries": 2, "scale_by_std": True},
    "ppo": {"type": "ppo", "kl_ref": 0.0, "kl_reward": 0.05, "entropy_bonus": 0.01},
    "fresh_retries": {"credit": "all", "retries": 2, "kl_anchor": 0.1},
    "reflect_grpo": {"type": "reflect-grpo", "group_size": 4},
}
EPISODES = {
    "fresh_retries": {"retry_sees": "reflection", "feedback": "reason"},
    "reflect_grpo": {"retry_sees": "reflection"},
}
"""How a curve's episodes are played where that is not as published."""
PAGE_KEYS = ("loss/total", "reward/mean", "policy/kl_ref", "optim/grad_norm")
KEYS_OF_A_CRITIC = ("loss/value", "critic/value_mean", "critic/explained_variance", "policy/kl_reward")
CRITIC = {"lr": 3e-3, "mini_batches": 3}


def golden_config(run_dir, model, algorithm, episode=None):
    training = {"steps": STEPS, "eval_every": 10, "checkpoint_every": STEPS, "groups_per_step": 3}
    settings = {"algorithm": algorithm, "train": training, "evaluation": {"controls": False, "problems": 2}}
    if algorithm.get("type") == "ppo":
        settings = {**settings, "critic": CRITIC, "train": {**training, "mini_batches": 2, "mine_tries": 4}}
    return small_config(run_dir, model, **settings, **({"episode": episode} if episode else {}))


def curve(run_dir, model, algorithm, episode=None):
    keys = (*KEYS, *KEYS_OF_A_CRITIC) if algorithm.get("type") == "ppo" else KEYS
    execute(golden_config(run_dir, model, algorithm, episode), quiet=True)
    rows = read_metrics(run_dir / "metrics.jsonl")
    return [{key: _known(row.get(key)) for key in ("step", *keys)} for row in rows]


def _known(value):
    """NaN as null, so that curves compare."""
    return None if value is None or value != value else value


@pytest.mark.parametrize("name", CURVES)
def test_curve(tmp_path, checkpoints, name):
    file = Path(__file__).with_name(f"{name}.json")
    found = curve(tmp_path / "run", checkpoints / "qwen2", CURVES[name], EPISODES.get(name))
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


def test_the_method_on_one_page_is_the_run(tmp_path, checkpoints, monkeypatch):
    """The page that a reader opens first computes what a run computes, to the last digit."""
    golden = json.loads(Path(__file__).with_name("one_page.json").read_text())
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import one_page

    config = golden_config(tmp_path / "run", checkpoints / "qwen2", CURVES["one_page"])
    task = load_task(config.task.name, config.task.options)
    steps = list(one_page.train(config, task, load_policy(config.model)))
    assert [row["step"] for row in steps] == list(range(1, STEPS + 1))
    assert sum("optim/grad_norm" in row for row in steps) > STEPS / 2
    exact = golden["platform"] == this_platform()
    for row, wanted in zip(steps, golden["curve"][1:], strict=True):
        assert {key for key in row if key != "step"} == {key for key in PAGE_KEYS if wanted[key] is not None}
        known = {key: wanted[key] for key in row}
        assert row == (known if exact else pytest.approx(known, rel=1e-2, abs=1e-3))


def _numbers(row):
    return {key: value for key, value in row.items() if value is not None}
