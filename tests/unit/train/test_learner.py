"""The step: its loss and gradient against a slow float64 oracle, and what must change nothing."""

import dataclasses
import math

import pytest
import reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import algorithms, forests
from tiny_models import shaken, tiny_policy

from secondthought.config import AlgorithmConfig, OptimConfig, TrainConfig
from secondthought.errors import RunError
from secondthought.train.learner import Learner
from secondthought.train.reference import FrozenCopy
from secondthought.trees import TokenTree, TreeBranch

POLICY = tiny_policy()
BY_ARCHITECTURE = {"qwen2": POLICY}
PLAIN = AlgorithmConfig(kl_ref=0.0)
WITH_KL = AlgorithmConfig(kl_ref=0.5, kl_anchor=0.3)
TOLERANCE = 1e-5


def learner(policy=POLICY, algorithm=PLAIN, *, temperature=1.0, optim=None, **train):
    found = Learner(policy, algorithm, optim or OptimConfig(), TrainConfig(**train), temperature=temperature)
    if found.reference is not None:
        found.reference = FrozenCopy(shaken(policy.model))
    return found


def compared(ours):
    """The model that the KL terms compare with, if any."""
    return ours.reference and ours.reference.model


def gradient(trees, **settings_):
    found = learner(**settings_)
    found.backward(trees)
    return reference.flat_gradient(found.policy.model)


def branch(token_ids, advantage, *, learns=None, anchored=None, old=-5.0):
    size = len(token_ids)
    learns = learns or (True,) * size
    return TreeBranch(
        token_ids=tuple(token_ids),
        old_logprobs=(old,) * size,
        advantages=tuple(advantage if flag else 0.0 for flag in learns),
        learns=tuple(learns),
        anchored=tuple(anchored or (False,) * size),
    )


def tree(*branches, trunk=(1, 2, 3)):
    return TokenTree(trunk=trunk, trunk_anchored=(False,) * len(trunk), branches=branches)


SIGNAL = tree(branch((4, 5, 6), 0.5), branch((7, 8), -0.5))
FLAT = tree(branch((9, 10, 11, 12), 0.0), branch((13,), 0.0), trunk=(14, 15))


@settings(max_examples=12)
@given(forests(), algorithms, st.sampled_from([0.7, 1.0]), st.booleans())
def test_loss_and_gradient_of_a_step_equal_the_oracle(found, algorithm, temperature, share):
    kept = [item for item in found if not item.is_flat]
    ours = learner(algorithm=algorithm, temperature=temperature, share_trunk=share, micro_batch_tokens=30)
    ours.backward(kept)
    wanted, _ = reference.step_gradient(POLICY.model, found, algorithm, compared(ours), temperature)
    error = reference.flat_gradient(POLICY.model) - wanted
    assert float(error.norm()) <= TOLERANCE * float(wanted.norm()) + 1e-6


@settings(max_examples=10)
@given(forests(), algorithms)
def test_the_reported_loss_is_the_oracles(found, algorithm):
    policy = tiny_policy()
    ours = learner(policy, algorithm)
    _, loss = reference.step_gradient(policy.model, found, algorithm, compared(ours))
    stats = ours.update(found, step=1)
    assert stats.loss_total == pytest.approx(loss, rel=1e-4, abs=1e-5)


@settings(max_examples=6)
@given(forests())
def test_shared_and_plain_gradients_agree_for_every_architecture(architecture, found):
    policy = BY_ARCHITECTURE.setdefault(architecture, tiny_policy(architecture))
    kept = [item for item in found if not item.is_flat]
    shared, plain = (gradient(kept, policy=policy, algorithm=WITH_KL, share_trunk=share) for share in (True, False))
    assert float((shared - plain).norm()) <= TOLERANCE * float(plain.norm()) + 1e-6


def test_at_the_old_weights_the_update_is_reinforce():
    """Gradient of -1/N sum A log p, by plain autograd on whole rows."""
    exact = reference.double(POLICY.model)
    rows = [((1, 2, 3, 4, 5, 6), 0.5), ((1, 2, 3, 7, 8), -0.5)]
    loss = sum(-a * sum(reference.row_logprobs(exact, row)[2:]) for row, a in rows) / 5
    loss.backward()
    on_policy = []
    for row, a in rows:
        with torch.no_grad():
            old = [float(value) for value in reference.row_logprobs(exact, row)[2:]]
        on_policy.append(dataclasses.replace(branch(row[3:], a), old_logprobs=tuple(old)))
    found = gradient([tree(*on_policy)])
    assert reference.relative_error(found, reference.flat_gradient(exact)) < TOLERANCE


def test_a_masked_token_contributes_exactly_nothing():
    """Its advantage and its old log-probability may be anything, even NaN."""
    masked = branch((4, 5, 6), 0.5, learns=(True, False, True), anchored=(False, True, False))
    other = dataclasses.replace(masked, advantages=(0.5, 99.0, 0.5), old_logprobs=(-5.0, math.nan, -5.0))
    for algorithm in (PLAIN, WITH_KL):
        assert torch.equal(gradient([tree(masked)], algorithm=algorithm), gradient([tree(other)], algorithm=algorithm))


def test_what_follows_the_last_token_of_interest_changes_nothing():
    long = branch((4, 5, 6, 7), 0.5, learns=(True, True, False, False))
    short = branch((4, 5), 0.5)
    assert reference.relative_error(gradient([tree(long)]), gradient([tree(short)])) < 1e-6


class Calls:
    """Counts a model's forwards and the tokens that it read."""

    def __init__(self, model):
        self.rows = []
        self.handle = model.register_forward_pre_hook(self._count, with_kwargs=True)

    def _count(self, _, __, kwargs):
        self.rows.append(kwargs["input_ids"].numel())


def test_flat_groups_never_reach_the_model():
    policy = tiny_policy()
    ours = learner(policy, WITH_KL)
    calls, of_reference = Calls(policy.model), Calls(compared(ours))
    stats = ours.update([FLAT, SIGNAL, FLAT], step=1)
    assert calls.rows == of_reference.rows == [SIGNAL.num_tokens]
    assert (stats.groups_kept, stats.groups_flat, stats.tokens_learned) == (1, 2, 5)
    assert stats.tokens_forward == SIGNAL.num_tokens


def test_flat_groups_change_neither_the_gradient_nor_the_denominator_nor_the_kl():
    with_flat, without = tiny_policy(), tiny_policy()
    first = learner(with_flat, WITH_KL).update([FLAT, SIGNAL], step=1)
    second = learner(without, WITH_KL).update([SIGNAL], step=1)
    assert dataclasses.replace(first, groups_flat=0) == second
    for ours, other in zip(with_flat.model.parameters(), without.model.parameters(), strict=True):
        assert torch.equal(ours, other)


def test_a_step_of_flat_groups_changes_nothing_not_even_the_optimizer():
    policy = tiny_policy()
    ours = learner(policy, optim=OptimConfig(weight_decay=0.5))
    before = [parameter.clone() for parameter in policy.model.parameters()]
    stats = ours.update([FLAT], step=3)
    assert (stats.groups_kept, stats.groups_flat, stats.tokens_learned) == (0, 1, 0)
    assert math.isnan(stats.loss_total)
    assert math.isnan(stats.grad_norm)
    assert not ours.optimizer.state
    assert all(torch.equal(a, b) for a, b in zip(before, policy.model.parameters(), strict=True))


def test_the_first_token_of_a_branch_counts_once_per_branch():
    """Two branches of one token: both first tokens are predicted at the trunk's last position."""
    both = gradient([tree(branch((4,), 1.0), branch((7,), 0.5))])
    first, second = gradient([tree(branch((4,), 1.0))]), gradient([tree(branch((7,), 0.5))])
    assert reference.relative_error(2 * both, first + second) < TOLERANCE
    assert float(first.norm()) > 0 < float(second.norm())


def test_equal_branches_count_as_often_as_they_occur():
    once = gradient([tree(branch((4, 5), 1.0), branch((7,), 0.5))])
    twice = gradient([tree(branch((4, 5), 1.0), branch((4, 5), 1.0), branch((7,), 0.5))])
    alone = gradient([tree(branch((4, 5), 1.0))])
    assert reference.relative_error(5 * twice, 3 * once + 2 * alone) < TOLERANCE


def test_a_step_makes_good_tokens_likelier_and_bad_ones_less_likely():
    policy = tiny_policy()
    rows = [(1, 2, 3, 4, 5, 6), (1, 2, 3, 7, 8)]

    def score():
        with torch.no_grad():
            return [float(sum(reference.row_logprobs(policy.model, row)[2:])) for row in rows]

    on_policy = []
    for row, advantage in zip(rows, (0.5, -0.5), strict=True):
        with torch.no_grad():
            old = tuple(float(value) for value in reference.row_logprobs(policy.model, row)[2:])
        on_policy.append(dataclasses.replace(branch(row[3:], advantage), old_logprobs=old))
    before = score()
    learner(policy, optim=OptimConfig(lr=1e-3, warmup_steps=0)).update([tree(*on_policy)], step=1)
    after = score()
    assert after[0] > before[0]
    assert after[1] < before[1]


def test_the_reference_stays_while_the_policy_moves():
    policy = tiny_policy()
    ours = Learner(policy, AlgorithmConfig(kl_ref=0.1), OptimConfig(lr=1e-2, warmup_steps=0), TrainConfig())
    before = [parameter.clone() for parameter in compared(ours).parameters()]
    first = ours.update([SIGNAL], step=1)
    second = ours.update([SIGNAL], step=2)
    assert first.kl_ref == pytest.approx(0.0, abs=1e-9)
    assert second.kl_ref > 1e-6
    assert all(torch.equal(a, b) for a, b in zip(before, compared(ours).parameters(), strict=True))


def test_without_kl_there_is_no_reference():
    assert learner(algorithm=PLAIN).reference is None
    assert learner(algorithm=AlgorithmConfig(kl_ref=0.0, kl_anchor=0.1)).reference is not None


def test_more_epochs_are_more_optimizer_steps_on_the_same_trees():
    policy = tiny_policy()
    ours = learner(policy, optim=OptimConfig(lr=1e-3, warmup_steps=0), epochs=3)
    stats = ours.update([SIGNAL], step=1)
    assert {int(state["step"]) for state in ours.optimizer.state.values()} == {3}
    assert stats.groups_kept == 1


def test_the_learning_rate_follows_the_schedule():
    ours = learner(tiny_policy(), optim=OptimConfig(lr=1e-3, warmup_steps=4))
    assert ours.update([SIGNAL], step=1).lr == pytest.approx(2.5e-4)
    assert ours.optimizer.param_groups[0]["lr"] == pytest.approx(2.5e-4)


def test_gradients_are_scaled_down_to_the_norm():
    ours = learner(tiny_policy(), optim=OptimConfig(max_grad_norm=1e-3))
    stats = ours.update([SIGNAL], step=1)
    assert stats.grad_norm > 1e-3
    assert float(reference.flat_gradient(ours.policy.model).norm()) == pytest.approx(1e-3, rel=1e-3)


def test_statistics_of_a_step_that_left_the_old_policy():
    """Old log-probabilities of -9: every ratio is far above the bound, and only good tokens are clipped."""
    found = tree(branch((4, 5, 6), 0.5, old=-30.0), branch((7, 8), -0.5, old=-30.0))
    stats = learner(tiny_policy()).update([found], step=1)
    assert (stats.clip_high, stats.clip_low) == (0.6, 0.0)
    assert stats.ratio_mean > 100
    assert stats.kl_old < 0
    assert 0 < stats.entropy <= math.log(272)


def test_a_gradient_that_is_not_finite_stops_the_run():
    policy = tiny_policy()
    found = learner(policy)
    with torch.no_grad():
        next(iter(policy.model.parameters())).fill_(math.inf)
    with pytest.raises(RunError, match=r"not finite; lower optim\.lr"):
        found.update([SIGNAL], step=1)


def test_a_policy_that_cannot_share_learns_on_the_plain_path():
    policy = tiny_policy()
    policy.unshared_reason = "as a test"
    assert not learner(policy).share
    assert learner(tiny_policy()).share
    assert not learner(tiny_policy(), share_trunk=False).share
