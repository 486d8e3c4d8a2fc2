"""Tries by the base: with its adapter switched off a policy samples what its base samples, in whatever company."""

from __future__ import annotations

import pytest
import torch
from tiny_models import tiny_policy

from secondthought import rng
from secondthought.config import EpisodeConfig, LoraConfig, resolve
from secondthought.errors import ConfigError
from secondthought.models import lora
from secondthought.rollout.mining import mine
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.reflect_retry import branch_reflections
from secondthought.tasks import load
from secondthought.train.loaded import Loaded
from secondthought.types import Prompt, Sampling

PROMPTS = [Prompt(trunk=(1, 2, 3, 4), tail=(5 + number,), key=rng.key("base", number)) for number in range(6)]
AS_MODEL, AS_BASE = (Sampling(max_tokens=12, adapter=adapter) for adapter in (True, False))
TASK = load("arithmetic")
EPISODE = EpisodeConfig(max_attempt_tokens=12, max_reflection_tokens=8, tries_by="base", retry_sees="reflection")


@pytest.fixture(params=[True, False], ids=["flights", "batches"])
def policy(request):
    found = tiny_policy()
    found.adapter = lora.add(found.model, LoraConfig(rank=4), base="nowhere")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in found.model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    found.share_trunk = request.param
    return found


def base_of(policy):
    """The same model without an adapter, sampled by the same path."""
    found = tiny_policy()
    found.share_trunk = policy.share_trunk
    return found


def test_it_samples_what_the_base_samples(policy):
    base = base_of(policy).sample(PROMPTS, AS_MODEL)
    assert policy.sample(PROMPTS, AS_BASE) == base
    assert policy.sample(PROMPTS, AS_MODEL) != base
    assert all(value.requires_grad == (".lora_" in name) for name, value in policy.model.named_parameters())


def test_both_can_be_under_way_together(policy):
    wanted = {sampling: policy.sample(PROMPTS, sampling) for sampling in (AS_MODEL, AS_BASE)}
    found = {}
    with policy.flow() as flow:
        tickets = {sampling: flow.add(PROMPTS, sampling) for sampling in (AS_MODEL, AS_BASE)}
        while len(found) < 2 * len(PROMPTS):
            found |= dict(flow.step())
    assert {sampling: [found[ticket] for ticket in tickets[sampling]] for sampling in tickets} == wanted


def test_an_episode_is_tried_by_the_base_and_reflected_on_by_the_model(policy):
    player, keys = Player.resolve(policy, TASK, EPISODE), Keys(seed=0, phase="train")
    base = Player.resolve(base_of(policy), TASK, EPISODE)
    problems = TASK.problems("train", 6, 0)
    failures, _ = mine(player, problems, tries=1, keys=keys)
    assert [item.attempt for item in failures] == [item.attempt for item in mine(base, problems, tries=1, keys=keys)[0]]
    branches = [
        (failure, branch)
        for failure, group in zip(
            failures, branch_reflections(player, keys, failures, group_size=2, retries=1), strict=True
        )
        for branch in group.branches
    ]
    assert branches
    for failure, branch in branches:
        reflection, retry = branch.reflection, branch.tries[0]
        assert read_by(policy, [*failure.attempt.ids, *reflection.prompt_ids], reflection)
        assert read_by(base_of(policy), retry.prompt_ids, retry)
        assert not read_by(policy, retry.prompt_ids, retry)


def read_by(policy, before, turn):
    """Whether the recorded log-probabilities are this model's."""
    ids = torch.tensor([[*before, *turn.completion.token_ids]])
    with torch.no_grad():
        logprobs = policy.model(input_ids=ids, use_cache=False).logits[0, len(before) - 1 : -1].log_softmax(-1)
    read = [float(row[token]) for row, token in zip(logprobs, turn.completion.token_ids, strict=True)]
    return read == pytest.approx(turn.completion.logprobs, abs=1e-3)


def test_training_needs_an_adapter_and_reflections_that_learn(checkpoints):
    given = {
        "model": {"path": str(checkpoints / "qwen2"), "device": "cpu"},
        "task": {"name": "arithmetic", "train_problems": 8},
        "evaluation": {"problems": 2},
        "train": {"eval_problems": 2, "groups_per_step": 1},
        "episode": {"tries_by": "base", "max_attempt_tokens": 8, "max_reflection_tokens": 8},
    }
    with pytest.raises(ConfigError, match=r"needs an adapter.*set model\.lora\.rank"):
        Loaded.of(resolve(given, source="test"))
    for algorithm in ({"type": "grpo"}, {"credit": "all"}, {"kl_anchor": 0.1}):
        with pytest.raises(ConfigError, match=r"episode\.tries_by"):
            resolve({**given, "algorithm": algorithm}, source="test")
