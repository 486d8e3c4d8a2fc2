"""Runs with a critic: resumed they are bit for bit the uninterrupted one, and two processes do what one does."""

import dataclasses
import math

import pytest
import torch
from small_runs import NO_CONTROLS, assert_same_run, small_config, untimed
from tiny_models import shaken, tiny_policy
from two_processes import both

from secondthought.config import AlgorithmConfig, CriticConfig, OptimConfig, TrainConfig
from secondthought.distributed.sharding import full, shard
from secondthought.distributed.world import World
from secondthought.runs.recorder import read_metrics
from secondthought.train import checkpoint
from secondthought.train.critic.advantages import with_advantages
from secondthought.train.learner import Learner
from secondthought.train.reference import FrozenCopy
from secondthought.train.run import execute
from secondthought.trees import TokenTree, TreeBranch

PPO = {
    "algorithm": {"type": "ppo", "kl_ref": 0.0, "kl_reward": 0.05, "entropy_bonus": 0.01},
    "critic": {"lr": 3e-3, "mini_batches": 3},
    "evaluation": {**NO_CONTROLS, "problems": 4},
}


def ppo_config(run_dir, model):
    return small_config(
        run_dir, model, **PPO, train={"mini_batches": 2, "mine_tries": 4, "checkpoint_every": 2, "eval_every": 6}
    )


def test_a_run_is_resumed_to_the_bit(tmp_path, checkpoints, monkeypatch):
    model = checkpoints / "qwen2"
    execute(ppo_config(tmp_path / "whole", model), quiet=True)
    rows = read_metrics(tmp_path / "whole/metrics.jsonl")[1:]
    assert [row["critic/updates"] for row in rows] == [3.0] * 6
    assert all(math.isfinite(row["loss/value"]) and math.isfinite(row["policy/kl_reward"]) for row in rows)

    original, calls = Learner.update, []

    def stops(self, *given):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return original(self, *given)

    config = ppo_config(tmp_path / "stopped", model)
    monkeypatch.setattr(Learner, "update", stops)
    with pytest.raises(KeyboardInterrupt):
        execute(config, quiet=True)
    monkeypatch.undo()
    assert untimed(config.run_dir) != untimed(tmp_path / "whole")
    execute(config, resume=True, quiet=True)
    assert_same_run(config.run_dir, tmp_path / "whole")


def branch(token_ids, *rewards):
    size = len(token_ids)
    return TreeBranch(
        token_ids=tuple(token_ids),
        old_logprobs=(-5.0,) * size,
        advantages=(0.0,) * size,
        learns=(True,) * size,
        anchored=(False,) * size,
        rewards=(*[0.0] * (size - 1), *rewards),
    )


def tree(trunk, *branches):
    return TokenTree(trunk=tuple(trunk), trunk_anchored=(False,) * len(trunk), branches=branches)


TREES = [
    tree((1, 2, 3), branch((4, 5, 6), 1.0), branch((7, 8), 0.0)),
    tree(range(20, 60), branch(range(60, 75), 0.0), branch(range(70, 90), 1.0), branch((3,), 0.5)),
    tree((14, 15), branch((9, 10), 1.0)),
]


def learner(world):
    policy = tiny_policy()
    algorithm = AlgorithmConfig(type="ppo", kl_ref=0.0, kl_reward=0.3)
    critic = CriticConfig(lr=1e-3, mini_batches=3)
    optim = OptimConfig(lr=1e-3, warmup_steps=0)
    found = Learner(policy, algorithm, optim, TrainConfig(mini_batches=2), critic=critic, world=world)
    found.reference = FrozenCopy(shard(shaken(policy.model), world))
    return found


def step(found, number):
    """Judge and update; what every rank knows afterwards."""
    trees, stats = with_advantages(TREES, found, found.critic)
    update = found.update(trees, number)
    critic = {name: full(p.detach()).double().numpy() for name, p in found.critic.model.named_parameters()}
    policy = {name: p.detach().double().numpy() for name, p in found.policy.model.named_parameters()}
    told = {**dataclasses.asdict(stats), **{f"critic {k}": v for k, v in dataclasses.asdict(update.critic).items()}}
    numbers = [x for t in trees for b in t.branches for x in (*b.values, *b.returns, *b.advantages)]
    return told | {"loss": update.loss_total, "norm": update.grad_norm}, numbers, critic, policy


def assert_close(found, wanted):
    """A bias of keys apart: softmax does not see it, so its gradient is rounding, which AdamW scales up."""
    for name, value in wanted.items():
        assert name.endswith("k_proj.bias") or float(abs(found[name] - value).max()) < 1e-5, name


def test_two_processes_judge_and_update_as_one_and_each_reads_the_others_checkpoint(tmp_path):
    alone = learner(World.alone())
    wanted = [step(alone, 1), step(alone, 2)]
    saved = tmp_path / "saved"
    saved.mkdir()

    def work(rank, join):
        with join() as world:
            found = learner(world)
            first = step(found, 1)
            checkpoint.save(saved, found.policy, found, {"step": 1}, critic=found.critic)
            return [first, step(found, 2)]

    for steps in both(tmp_path / "two", work):
        for (told, numbers, critic, policy), other in zip(steps, wanted, strict=True):
            assert told == pytest.approx(other[0], rel=1e-3, abs=1e-4)
            assert numbers == pytest.approx(other[1], rel=1e-3, abs=1e-4)
            assert_close(critic, other[2])
            assert_close(policy, other[3])

    again = learner(World.alone())
    assert checkpoint.load(saved, again.policy, again, critic=again.critic) == {"step": 1}
    told, _, critic, policy = step(again, 2)
    assert told == pytest.approx(wanted[1][0], rel=1e-3, abs=1e-4)
    assert_close(critic, wanted[1][2])
    assert torch.isfinite(torch.tensor([told["loss"]])).all()
