"""The critic: its values, its loss and gradient against a slow float64 oracle, and its several updates a step."""

import dataclasses
import math

import pytest
import reference
import torch
from critics import with_head
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import valued_forests
from tiny_models import tiny_model, tiny_policy

from secondthought.config import AlgorithmConfig, CriticConfig, ModelConfig, OptimConfig, TrainConfig
from secondthought.errors import RunError
from secondthought.inference.loading import load_policy
from secondthought.models.tree_forward import TreeForward
from secondthought.train import checkpoint
from secondthought.train.critic.learner import Critic, value_model
from secondthought.train.learner import Learner
from secondthought.trees import TokenTree, TreeBranch

POLICY = tiny_policy()
OPTIM = OptimConfig(lr=1e-4, warmup_steps=4)
TOLERANCE = 1e-5


def critic_of(policy=POLICY, *, optim=OPTIM, train=None, head=True, **settings_):
    found = Critic(policy, CriticConfig(**settings_), optim, TrainConfig(**(train or {})))
    return with_head(found) if head else found


def branch(token_ids, *, values=0.0, returns=1.0, learns=None):
    size = len(token_ids)
    return TreeBranch(
        token_ids=tuple(token_ids),
        old_logprobs=(-5.0,) * size,
        advantages=(0.0,) * size,
        learns=tuple(learns or (True,) * size),
        anchored=(False,) * size,
        values=(values,) * size,
        returns=(returns,) * size,
    )


def tree(*branches, trunk=(1, 2, 3)):
    return TokenTree(trunk=trunk, trunk_anchored=(False,) * len(trunk), branches=branches)


TREE = tree(branch((4, 5, 6)), branch((7, 8), returns=-1.0))
OTHER = tree(branch((9,)), branch((10, 11, 12, 13), returns=0.5), trunk=(14, 15))


@pytest.mark.parametrize("share", [True, False])
def test_the_value_of_a_token_stands_before_it_and_a_first_one_at_the_trunks_end(share):
    ours = critic_of()
    with torch.no_grad():
        found = ours.values(TreeForward([TREE, OTHER], POLICY.device, share=share)).tolist()
        wanted = []
        for item in (TREE, OTHER):
            for b in item.branches:
                row = reference.row_values(reference.double(ours.model), [*item.trunk, *b.token_ids])
                wanted += [float(value) for value in row[len(item.trunk) - 1 :]]
    assert found == pytest.approx(wanted, abs=1e-5)
    assert found[0] == pytest.approx(found[3])  # both first tokens of the first tree
    assert len(set(found)) > 5


@settings(max_examples=12)
@given(valued_forests(), st.sampled_from([0.1, 0.5, 5.0]), st.booleans())
def test_loss_and_gradient_of_an_update_equal_the_oracle(found, clip, share):
    ours = critic_of(value_clip=clip, train={"share_trunk": share, "micro_batch_tokens": 30})
    part = ours.backward(found)
    wanted, loss = reference.critic_gradient(ours.model, found, clip=clip)
    error = reference.flat_gradient(ours.model) - wanted
    assert float(error.norm()) <= TOLERANCE * float(wanted.norm()) + 1e-6
    assert part.loss / sum(item.num_learning for item in found) == pytest.approx(loss, rel=1e-4, abs=1e-6)


@settings(max_examples=6)
@given(valued_forests(1, 2))
def test_shared_and_plain_gradients_agree_for_every_architecture(architecture, found):
    policy = tiny_policy(architecture)
    gradients = []
    for share in (True, False):
        ours = critic_of(policy, train={"share_trunk": share})
        ours.backward(found)
        gradients.append(reference.flat_gradient(ours.model))
    assert float((gradients[0] - gradients[1]).norm()) <= TOLERANCE * float(gradients[1].norm()) + 1e-6


@pytest.mark.parametrize("architecture", ["gemma2-window-capped", "gemma", "llama"])
def test_a_value_model_is_its_base_but_for_the_head(architecture):
    """Tied weights come apart, and caps of logits do not hold values down."""
    base = tiny_model(architecture)
    found = value_model(base)
    with torch.no_grad():
        assert not found(input_ids=torch.tensor([[1, 2, 3]])).logits.any()
        found.get_output_embeddings().weight.fill_(10.0)
        hidden = base.base_model(input_ids=torch.tensor([[1, 2, 3]])).last_hidden_state
        values = found(input_ids=torch.tensor([[1, 2, 3]])).logits[..., 0]
    assert torch.allclose(values, 10.0 * hidden.sum(-1), rtol=1e-4, atol=1e-3)
    assert base.config.get_text_config().vocab_size == base.get_output_embeddings().weight.shape[0]


def test_it_learns_its_returns_in_several_updates_and_leaves_the_policy_alone():
    policy = tiny_policy()
    before = [parameter.clone() for parameter in policy.model.parameters()]
    ours = critic_of(policy, head=False, lr=3e-3, mini_batches=8, value_clip=9.0)
    losses = [ours.update([TREE, OTHER], step).loss for step in range(1, 40)]
    assert losses[-1] < 0.12 < 0.35 < losses[0]  # two first tokens of one value and returns of 1 and -1 leave 0.1
    assert all(torch.equal(a, b) for a, b in zip(before, policy.model.parameters(), strict=True))


@pytest.mark.parametrize(("epochs", "parts", "updates"), [(1, 1, 1), (1, 2, 2), (2, 2, 4), (1, 8, 2)])
def test_updates_of_a_step(epochs, parts, updates):
    ours = critic_of(lr=1e-3, mini_batches=parts, train={"epochs": epochs})
    stats = ours.update([TREE, OTHER], 1)
    assert stats.updates == updates
    assert {int(state["step"]) for state in ours.optimizer.state.values()} == {updates}
    assert stats.lr == 1e-3  # the policy's warm-up is not the critic's


def test_each_update_is_of_its_own_mini_batch():
    whole = critic_of(lr=1e-3, mini_batches=2)
    whole.update([TREE, OTHER], 1)
    parts = critic_of(lr=1e-3, mini_batches=1)
    for item in (TREE, OTHER):
        parts.update([item], 1)
    for ours, other in zip(whole.parameters, parts.parameters, strict=True):
        assert torch.equal(ours, other)


def test_a_value_that_moved_too_far_learns_nothing_more():
    ours = critic_of(value_clip=0.01)
    far = dataclasses.replace(branch((4, 5, 6)), values=(-50.0,) * 3, returns=(50.0,) * 3)
    assert ours.backward([tree(far)]).clipped == 3
    assert float(reference.flat_gradient(ours.model).norm()) == 0.0


def test_a_gradient_that_is_not_finite_names_the_critics_rate():
    ours = critic_of()
    broken = dataclasses.replace(branch((4, 5)), returns=(math.inf, 0.0))
    with pytest.raises(RunError, match=r"critic\.lr"):
        ours.update([tree(broken)], 1)


def test_its_rate_warms_up_by_its_own_setting():
    assert critic_of(lr=1e-3, warmup_steps=4).update([TREE], 1).lr == 0.25e-3


def test_a_checkpoint_holds_critic_and_moments(tmp_path):
    def fresh():
        policy = tiny_policy()
        critic = CriticConfig(lr=1e-2, mini_batches=1)
        found = Learner(policy, AlgorithmConfig(type="ppo"), OPTIM, TrainConfig(), critic=critic)
        return policy, found

    policy, ours = fresh()
    ours.critic.update([TREE], 1)
    checkpoint.save(tmp_path / "saved", policy, ours, {}, critic=ours.critic)
    other_policy, other = fresh()
    checkpoint.load(tmp_path / "saved", other_policy, other, critic=other.critic)
    for found in (ours, other):
        found.critic.update([OTHER], 2)
    for a, b in zip(ours.critic.parameters, other.critic.parameters, strict=True):
        assert torch.equal(a, b)
    (tmp_path / "saved/critic/weights").rename(tmp_path / "lost")
    with pytest.raises(RunError, match="cannot resume"):
        checkpoint.load(tmp_path / "saved", other_policy, other, critic=other.critic)


def test_with_adapters_the_critic_trains_its_own_and_the_head(tmp_path):
    pytest.importorskip("peft")
    policy = tiny_policy()
    policy.save(tmp_path / "base")
    adapted = load_policy(ModelConfig(path=str(tmp_path / "base"), lora={"rank": 2}, device="cpu"))
    ours = Critic(adapted, CriticConfig(lr=1e-2, mini_batches=1), OPTIM, TrainConfig())
    names = {name for name, p in ours.model.named_parameters() if p.requires_grad}
    assert {name for name in names if "lora_" not in name} == {"lm_head.weight"}
    before = [parameter.clone() for parameter in adapted.model.parameters()]
    losses = [ours.update([TREE], step).loss for step in range(1, 20)]
    assert losses[-1] < losses[0]
    assert all(torch.equal(a, b) for a, b in zip(before, adapted.model.parameters(), strict=True))
