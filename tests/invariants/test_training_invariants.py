"""Settings that must train alike: how a step is cut, ordered, padded or shared is a matter of speed only."""

import copy
import dataclasses

import pytest
import reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import PROBLEM, attempt, forests, valued_forests
from tiny_models import shaken, tiny_policy

from secondthought.config import AlgorithmConfig, CriticConfig, OptimConfig, TrainConfig
from secondthought.train.credit import credit
from secondthought.train.critic.advantages import with_advantages
from secondthought.train.critic.learner import Critic
from secondthought.train.learner import Learner
from secondthought.train.reference import FrozenCopy
from secondthought.types import Branch, Group

ALGORITHM = AlgorithmConfig(kl_ref=0.5, kl_anchor=0.3)
OPTIM = OptimConfig(lr=1e-3, warmup_steps=0)
POLICY = tiny_policy()
REFERENCE = shaken(POLICY.model)


def gradient(trees, **train):
    learner = Learner(POLICY, ALGORITHM, OPTIM, TrainConfig(**train))
    learner.reference = FrozenCopy(REFERENCE)
    learner.backward([tree for tree in trees if not tree.is_flat])
    return reference.flat_gradient(POLICY.model)


def alike(found, wanted):
    assert float((found - wanted).norm()) <= 1e-5 * float(wanted.norm()) + 1e-6


@settings(max_examples=8)
@given(forests(2, 5), st.integers(1, 80), st.booleans())
def test_micro_batches_of_any_size(trees, size, share):
    alike(gradient(trees, micro_batch_tokens=size, share_trunk=share), gradient(trees))


@settings(max_examples=8)
@given(forests(2, 5).flatmap(lambda trees: st.tuples(st.just(trees), st.permutations(trees))))
def test_any_order_of_groups(both):
    trees, permuted = both
    alike(gradient(permuted), gradient(trees))


@settings(max_examples=8)
@given(forests(1, 3), st.randoms(use_true_random=False))
def test_any_order_of_branches_within_a_group(trees, random):
    shuffled = [
        dataclasses.replace(tree, branches=tuple(random.sample(tree.branches, len(tree.branches)))) for tree in trees
    ]
    alike(gradient(shuffled), gradient(trees))


@settings(max_examples=8)
@given(forests(1, 3), st.integers(1, 40))
def test_padding_is_never_read(trees, length):
    """Context after the last token of interest widens every block of its micro-batch and adds nothing."""
    alone, widest = gradient(trees), max(trees, key=lambda tree: tree.num_tokens)
    context = (7,) * length
    wide = dataclasses.replace(
        widest,
        branches=tuple(
            dataclasses.replace(
                branch,
                token_ids=branch.token_ids + context,
                old_logprobs=branch.old_logprobs + (0.0,) * length,
                advantages=branch.advantages + (0.0,) * length,
                learns=branch.learns + (False,) * length,
                anchored=branch.anchored + (False,) * length,
            )
            for branch in widest.branches
        ),
    )
    padded = [wide if tree is widest else tree for tree in trees]
    alike(gradient(padded), alone)


def weights_after(trees, steps, **train):
    policy = tiny_policy()
    learner = Learner(policy, ALGORITHM, OPTIM, TrainConfig(**train))
    for step in range(1, steps + 1):
        learner.update(trees, step)
    return torch.cat([parameter.detach().flatten() for parameter in policy.model.parameters()])


@settings(max_examples=3)
@given(forests(2, 3))
def test_a_repeated_run_is_bit_exact(trees):
    assert torch.equal(weights_after(trees, 3), weights_after(trees, 3))


@settings(max_examples=3)
@given(forests(2, 3))
def test_a_reloaded_learner_goes_on_bit_for_bit(trees):
    whole = tiny_policy()
    learner = Learner(whole, ALGORITHM, OPTIM, TrainConfig())
    base = {name: value.clone() for name, value in whole.model.state_dict().items()}
    learner.update(trees, 1)
    weights = {name: value.clone() for name, value in whole.model.state_dict().items()}
    saved = copy.deepcopy(learner.optimizer.state_dict())
    learner.update(trees, 2)

    again = tiny_policy()
    again.model.load_state_dict(base)
    resumed = Learner(again, ALGORITHM, OPTIM, TrainConfig())
    again.model.load_state_dict(weights)
    resumed.optimizer.load_state_dict(saved)
    resumed.update(trees, 2)
    for ours, other in zip(again.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(ours, other)


@pytest.mark.parametrize("share", [False, True])
def test_a_step_after_which_nothing_is_left_to_learn_is_no_step(share):
    """Equal rewards throughout: weights and moments stay, to the bit."""
    branches = tuple(Branch(reflection=None, tries=(attempt([1, 2], [3 + g], 1.0),)) for g in range(4))
    group = Group(problem=PROBLEM, history=(), branches=branches)
    trees = [found.tree for found in credit([group], AlgorithmConfig(type="grpo"), key=0)]
    assert torch.equal(weights_after(trees, 2, share_trunk=share), weights_after([], 0))


PPO = AlgorithmConfig(type="ppo", kl_ref=0.0, kl_reward=0.1, entropy_bonus=0.05)


def with_critic(**train):
    """A learner whose critic's head is not zero, so that its gradient reaches every layer."""
    learner = Learner(POLICY, PPO, OPTIM, TrainConfig(**train), critic=CriticConfig())
    learner.reference = FrozenCopy(REFERENCE)
    generator = torch.Generator().manual_seed(0)
    head = learner.critic.model.get_output_embeddings().weight
    with torch.no_grad():
        head.copy_(0.3 * torch.randn(head.shape, generator=generator))
    return learner


def both_gradients(trees, **train):
    """Of policy and critic, one after the other."""
    learner = with_critic(**train)
    learner.backward(trees)
    learner.critic.backward(trees)
    return torch.cat([reference.flat_gradient(learner.model), reference.flat_gradient(learner.critic.model)])


def judgements(trees, **train):
    """Values, returns and advantages of all tokens, tree by tree."""
    learner = with_critic(**train)
    found, _ = with_advantages(trees, learner, learner.critic)
    branches = [branch for tree in found for branch in tree.branches]
    return torch.tensor([x for b in branches for name in ("values", "returns", "advantages") for x in getattr(b, name)])


@settings(max_examples=6)
@given(valued_forests(2, 4), st.integers(1, 80), st.booleans())
def test_with_a_critic_micro_batches_of_any_size_and_shared_or_plain_trunks(trees, size, share):
    other = {"micro_batch_tokens": size, "share_trunk": share}
    alike(both_gradients(trees, **other), both_gradients(trees))
    assert torch.allclose(judgements(trees, **other), judgements(trees), atol=1e-4)


@settings(max_examples=6)
@given(valued_forests(2, 4).flatmap(lambda trees: st.tuples(st.just(trees), st.permutations(range(len(trees))))))
def test_with_a_critic_any_order_of_groups(both):
    trees, order = both
    permuted = [trees[index] for index in order]
    alike(both_gradients(permuted), both_gradients(trees))
    ours, others = (with_critic(), with_critic())
    found, wanted = with_advantages(permuted, ours, ours.critic)[0], with_advantages(trees, others, others.critic)[0]
    for place, index in enumerate(order):
        for b, c in zip(found[place].branches, wanted[index].branches, strict=True):
            assert b.advantages == pytest.approx(c.advantages, abs=1e-4)


@settings(max_examples=6)
@given(valued_forests(1, 3), st.integers(1, 40))
def test_with_a_critic_padding_is_never_read(trees, length):
    """Context after a branch's last learning token, with rewards and values of its own that nobody may read."""
    noise = (7.0,) * length
    wide = [
        dataclasses.replace(
            tree,
            branches=tuple(
                dataclasses.replace(
                    branch,
                    token_ids=branch.token_ids + (7,) * length,
                    **{name: getattr(branch, name) + noise for name in NUMBERS},
                    **{name: getattr(branch, name) + (False,) * length for name in ("learns", "anchored")},
                )
                for branch in tree.branches
            ),
        )
        for tree in trees
    ]
    alike(both_gradients(wide), both_gradients(trees))
    plain, _ = with_advantages(trees, *parts())
    padded, _ = with_advantages(wide, *parts())
    for tree, other in zip(plain, padded, strict=True):
        for b, c in zip(tree.branches, other.branches, strict=True):
            assert b.advantages == pytest.approx(c.advantages[: len(b.token_ids)], abs=1e-4)


NUMBERS = ("old_logprobs", "advantages", "rewards", "values", "returns")


def parts():
    learner = with_critic()
    return learner, learner.critic


@settings(max_examples=3)
@given(valued_forests(2, 3))
def test_in_float64_the_cut_changes_less(trees):
    """Norms of `transformers` compute in fp32 even then, which is what is left of the difference."""
    policy = tiny_policy()
    policy.model.double()
    gradients = []
    for train in ({}, {"micro_batch_tokens": 10, "share_trunk": False}):
        critic = Critic(policy, CriticConfig(), OPTIM, TrainConfig(**train))
        torch.nn.init.constant_(critic.model.get_output_embeddings().weight, 0.1)
        critic.backward(trees)
        gradients.append(reference.flat_gradient(critic.model))
    assert float((gradients[0] - gradients[1]).norm()) <= 1e-6 * float(gradients[1].norm()) + 1e-9
