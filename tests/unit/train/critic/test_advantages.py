"""What a critic makes of a step: values, returns and advantages of every token, against a double loop in float64."""

import dataclasses
import math

import pytest
import reference
import torch
from critics import with_head
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import PROBLEM, attempt, valued_forests
from tiny_models import shaken, tiny_policy

from secondthought.config import AlgorithmConfig, CriticConfig, OptimConfig, TrainConfig
from secondthought.train.credit import credit
from secondthought.train.critic.advantages import advantages_from_critic, with_advantages
from secondthought.train.learner import Learner
from secondthought.train.reference import FrozenCopy
from secondthought.types import Branch, Group

PPO = AlgorithmConfig(type="ppo", kl_ref=0.0, kl_reward=0.2)
POLICY = tiny_policy()
OTHER = shaken(POLICY.model)


def learner(algorithm=PPO, *, temperature=0.8, optim=None, policy=POLICY, head=True, train=None, **critic):
    found = Learner(
        policy,
        algorithm,
        optim or OptimConfig(),
        TrainConfig(**(train or {})),
        critic=CriticConfig(**critic),
        temperature=temperature,
    )
    if found.reference is not None:
        found.reference = FrozenCopy(OTHER)
    if head:
        with_head(found.critic)
    return found


@settings(max_examples=10)
@given(
    valued_forests(),
    st.sampled_from([0.0, 0.9, 1.0]),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([1, 20, 1000]),
)
def test_it_equals_the_double_loop(found, gamma, gae_lambda, whiten, share, size):
    train = {"share_trunk": share, "micro_batch_tokens": size}
    ours = learner(gamma=gamma, gae_lambda=gae_lambda, whiten=whiten, train=train)
    trees, _ = with_advantages(found, ours, ours.critic)
    wanted = reference.critic_advantages(
        ours.critic.model,
        OTHER,
        found,
        kl_reward=0.2,
        gamma=gamma,
        gae_lambda=gae_lambda,
        whitened=whiten,
        temperature=0.8,
    )
    branches = [branch for tree in trees for branch in tree.branches]
    for branch, (values, returns, advantages) in zip(branches, wanted, strict=True):
        for name, row in (("values", values), ("returns", returns), ("advantages", advantages)):
            kept = [x for x, learns in zip(getattr(branch, name), branch.learns, strict=True) if learns]
            assert kept == pytest.approx(row, abs=1e-3 if whiten else 1e-4, rel=1e-3), name
            left = [x for x, learns in zip(getattr(branch, name), branch.learns, strict=True) if not learns]
            assert not any(left), name


def group(*rewards):
    """First tries of two tokens each."""
    tries = [Branch(reflection=None, tries=(attempt([1, 2], [3 + i, 40], r),)) for i, r in enumerate(rewards)]
    return Group(problem=PROBLEM, history=(), branches=tuple(tries))


def test_rewards_stand_on_last_tokens_and_before_training_returns_are_rewards():
    credited = credit([group(1.0, 0.0), group(0.1, 0.0)], PPO, key=0)
    assert [b.rewards for item in credited for b in item.tree.branches] == [(0, 1.0), (0, 0), (0, 0.1), (0, 0)]
    ours = learner(PPO.model_copy(update={"kl_reward": 0.0}), head=False, whiten=False)
    found, stats = advantages_from_critic(credited, ours)
    assert [b.returns for item in found for b in item.tree.branches] == [(1.0, 1.0), (0, 0), (0.1, 0.1), (0, 0)]
    assert [a for item in found for a in item.advantages] == [1.0, 0.0, 0.1, 0.0]
    assert stats.value_mean == 0.0
    assert stats.return_mean == pytest.approx(0.275)
    assert stats.explained_variance == 0.0
    assert math.isnan(stats.kl_reward)


def test_explained_variance_of_equal_returns_is_undefined():
    ours = learner(PPO.model_copy(update={"kl_reward": 0.0}))
    _, stats = advantages_from_critic(credit([group(1.0, 1.0)], PPO, key=0), ours)
    assert math.isnan(stats.explained_variance)


def test_with_a_critic_equal_rewards_are_no_flat_group():
    """Its values differ, so there is something to learn; every group of the step is kept and counts."""
    policy = tiny_policy()
    ours = learner(policy=policy, mini_batches=2)
    found, _ = advantages_from_critic(credit([group(0.0, 0.0), group(1.0, 1.0)], PPO, key=0), ours)
    stats = ours.update([item.tree for item in found], 1)
    assert (stats.groups_kept, stats.groups_flat, stats.tokens_learned) == (2, 0, 8)
    assert stats.critic.updates == 2
    assert stats.critic.grad_norm > 0
    assert not any(item.tree.is_flat for item in found)


def test_a_divergence_from_the_reference_costs_reward():
    """A token that the policy likes more than the reference does: k1 is positive and its return falls."""
    credited = credit([group(0.0, 0.0)], PPO, key=0)
    likely = [
        dataclasses.replace(
            item,
            trees=tuple(
                dataclasses.replace(
                    tree, branches=tuple(dataclasses.replace(b, old_logprobs=(0.0, 0.0)) for b in tree.branches)
                )
                for tree in item.trees
            ),
        )
        for item in credited
    ]
    found, stats = advantages_from_critic(likely, learner(head=False))
    assert stats.kl_reward > 0
    assert all(value < 0 for item in found for b in item.tree.branches for value in b.returns)


def test_what_was_judged_stays_for_all_updates_of_a_step():
    """Old values are of the critic before its first update."""
    policy = tiny_policy()
    ours = learner(policy=policy, lr=1e-2, mini_batches=4, train={"epochs": 2, "mini_batches": 2})
    found, _ = advantages_from_critic(credit([group(1.0, 0.0), group(0.0, 1.0)], PPO, key=0), ours)
    trees = [item.tree for item in found]
    before = [branch.values for tree in trees for branch in tree.branches]
    ours.update(trees, 1)
    assert [branch.values for tree in trees for branch in tree.branches] == before
    again, _ = advantages_from_critic(credit([group(1.0, 0.0), group(0.0, 1.0)], PPO, key=0), ours)
    assert [branch.values for item in again for branch in item.tree.branches] != before


def test_rows_without_a_critic_pass_through():
    algorithm = AlgorithmConfig(type="grpo", kl_ref=0.0)
    credited = credit([group(1.0, 0.0)], algorithm, key=0)
    ours = Learner(POLICY, algorithm, OptimConfig(), TrainConfig())
    assert advantages_from_critic(credited, ours) == (credited, None)


def test_no_groups_are_judged_to_nothing():
    assert advantages_from_critic([], learner()) == ([], None)


def test_equal_trees_are_no_trouble():
    credited = credit([group(1.0, 0.0)] * 3, PPO, key=0)
    found, _ = advantages_from_critic(credited, learner())
    assert len({item.tree for item in found}) == 1


def test_weights_and_gradients_are_left_alone():
    ours = learner()
    before = [p.clone() for p in (*ours.parameters, *ours.critic.parameters)]
    advantages_from_critic(credit([group(1.0, 0.0)], PPO, key=0), ours)
    assert all(torch.equal(a, b) for a, b in zip(before, (*ours.parameters, *ours.critic.parameters), strict=True))
