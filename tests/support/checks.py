"""Checks of the maths as plain functions: normal tests, and the executioners of the mutants in `test_mutants.py`.

Each goes through the code that training runs (`Learner`, `credit`, `SharedSampler`), so a mutant patched in anywhere
below is met. They raise AssertionError and nothing else when the maths is wrong.
"""

import copy
import dataclasses
import functools
import math

import reference
import torch
from strategies import PROBLEM, attempt, fresh, reflection, retry
from tiny_models import shaken, tiny_model, tiny_policy

from secondthought import rng
from secondthought.config import AlgorithmConfig, CriticConfig, OptimConfig, TrainConfig
from secondthought.inference import decoding
from secondthought.inference.plain_decoding import sample_plainly
from secondthought.rl import kl as kl_module
from secondthought.train import credit as credit_module
from secondthought.train import learner as learner_module
from secondthought.train import rescoring
from secondthought.train.critic import advantages as critic_advantages
from secondthought.train.reference import FrozenCopy
from secondthought.trees import TokenTree, TreeBranch, by_group
from secondthought.types import Branch, Group, Prompt, Sampling

ALGORITHM = AlgorithmConfig(kl_ref=0.5, kl_anchor=0.3, clip_low=0.1, clip_high=0.6)
NO_KL = AlgorithmConfig(kl_ref=0.0)
TEMPERATURE = 0.7


@functools.cache
def model(architecture="qwen2"):
    return tiny_model(architecture)


@functools.cache
def other_model():
    return shaken(model())


def branch(token_ids, marks, advantage, old=-5.0):
    """Marks, one per token: l learns, a is anchored, . is context."""
    return TreeBranch(
        token_ids=tuple(token_ids),
        old_logprobs=(old,) * len(token_ids),
        advantages=tuple(advantage if mark == "l" else 0.0 for mark in marks),
        learns=tuple(mark == "l" for mark in marks),
        anchored=tuple(mark == "a" for mark in marks),
    )


def tree(trunk, marks, *branches):
    return TokenTree(trunk=tuple(trunk), trunk_anchored=tuple(mark == "a" for mark in marks), branches=branches)


FOREST = (
    tree(range(1, 10), "...aaa...", branch((20, 21, 22, 23), "ll.a", 0.5), branch((24, 25), "ll", -0.5)),
    tree((30, 31), "..", branch((32,), "l", 1.5), branch((33, 34, 35), "lll", -0.75), branch((36,), "l", -0.75)),
)
FLAT = tree((40, 41, 42), ".a.", branch((43, 44, 45), "lll", 0.0), branch((46,), "l", 0.0))


@functools.cache
def old_logprobs(trunk, token_ids):
    """What the plain model says at the checks' temperature, in float64."""
    with torch.no_grad():
        row = reference.row_logprobs(reference.double(model()), [*trunk, *token_ids], TEMPERATURE)
    return tuple(float(value) for value in row[len(trunk) - 1 :])


def recorded(found, shift=0.0):
    """The same tree with log-probabilities as if sampled by the model itself, and then moved."""
    branches = tuple(
        dataclasses.replace(b, old_logprobs=tuple(x + shift * (-1) ** i for i, x in enumerate(values)))
        for b in found.branches
        for values in [old_logprobs(found.trunk, b.token_ids)]
    )
    return dataclasses.replace(found, branches=branches)


OFF_POLICY = tuple(recorded(found, shift=0.3) for found in FOREST)
"""Ratios of exp(+-0.3), one inside and one outside of each bound."""
ON_POLICY = tuple(recorded(found) for found in FOREST)


def learner(algorithm, architecture="qwen2", **train):
    policy = tiny_policy(architecture)
    found = learner_module.Learner(
        policy, algorithm, OptimConfig(lr=1e-3, warmup_steps=0), TrainConfig(**train), temperature=TEMPERATURE
    )
    if found.reference is not None:
        other = copy.deepcopy(other_model()) if architecture == "qwen2" else shaken(policy.model)
        found.reference = FrozenCopy(other)
    return found


def gradient(trees, algorithm, architecture="qwen2", **train):
    found = learner(algorithm, architecture, **train)
    found.backward(trees)
    return reference.flat_gradient(found.policy.model)


def same(found, wanted, tolerance=1e-4):
    error = reference.relative_error(found, wanted)
    assert error < tolerance, f"gradients differ by {error:.2g}"


@functools.cache
def oracle(trees, algorithm_json):
    algorithm = AlgorithmConfig.model_validate_json(algorithm_json)
    return reference.step_gradient(model(), trees, algorithm, other_model(), TEMPERATURE)


def check_the_step_equals_the_oracle():
    wanted, _ = oracle(OFF_POLICY, ALGORITHM.model_dump_json())
    same(gradient(OFF_POLICY, ALGORITHM), wanted)


def check_the_reported_loss_is_the_oracles():
    _, wanted = oracle(OFF_POLICY, ALGORITHM.model_dump_json())
    found = learner(ALGORITHM).update(OFF_POLICY, step=1).loss_total
    assert math.isclose(found, wanted, rel_tol=1e-4)


def check_at_the_old_weights_the_update_is_reinforce():
    exact = reference.double(model())
    total, count = 0.0, 0
    for found in ON_POLICY:
        for b in found.branches:
            row = reference.row_logprobs(exact, [*found.trunk, *b.token_ids], TEMPERATURE)[len(found.trunk) - 1 :]
            total = total - sum(
                a * value for a, value, learns in zip(b.advantages, row, b.learns, strict=True) if learns
            )
            count += sum(b.learns)
    (total / count).backward()
    same(gradient(ON_POLICY, NO_KL), reference.flat_gradient(exact))


def check_good_tokens_become_likelier():
    found = learner(NO_KL)
    for sign, b in ((1, ON_POLICY[0].branches[0]), (-1, ON_POLICY[0].branches[1])):
        fresh = learner(NO_KL)
        fresh.update([dataclasses.replace(ON_POLICY[0], branches=(b,))], step=1)
        row = [*ON_POLICY[0].trunk, *b.token_ids[:2]]
        with torch.no_grad():
            before, after = (
                float(sum(reference.row_logprobs(policy.model, row)[-2:])) for policy in (found.policy, fresh.policy)
            )
        assert sign * (after - before) > 0


def check_masked_tokens_are_silent():
    masked = branch((4, 5, 6, 7), "l.al", 0.5)
    loud = dataclasses.replace(masked, advantages=(0.5, 9.0, 9.0, 0.5), old_logprobs=(-5.0, -1.0, -1.0, -5.0))
    for algorithm in (NO_KL, ALGORITHM):
        quiet, noisy = (gradient([tree((1, 2), "..", b)], algorithm) for b in (masked, loud))
        assert torch.equal(quiet, noisy)


def check_how_a_step_is_cut_changes_nothing():
    whole = gradient(OFF_POLICY, ALGORITHM)
    same(gradient(OFF_POLICY, ALGORITHM, micro_batch_tokens=1), whole)
    same(gradient(OFF_POLICY[::-1], ALGORITHM, micro_batch_tokens=16), whole)


def check_flat_groups_change_nothing():
    with_flat, without = learner(ALGORITHM), learner(ALGORITHM)
    ours, others = with_flat.update([FLAT, *OFF_POLICY], step=1), without.update(OFF_POLICY, step=1)
    assert math.isclose(ours.loss_total, others.loss_total)
    same(reference.flat_gradient(with_flat.policy.model), reference.flat_gradient(without.policy.model), 1e-6)


def check_the_first_token_counts_once_per_branch():
    branches = branch((20, 21), "ll", 1.0), branch((24, 25), "ll", -0.5)
    both = gradient([recorded(tree((1, 2), "..", *branches))], NO_KL)
    apart = [gradient([recorded(tree((1, 2), "..", b))], NO_KL) for b in branches]
    alone = gradient([recorded(tree((1, 2), "..", branch((20,), "l", 1.0)))], NO_KL)
    rest = gradient([recorded(tree((1, 2, 20), "...", branch((21,), "l", 1.0)))], NO_KL)
    same(2 * apart[0], alone + rest)
    assert all(float(part.norm()) > 0 for part in apart)
    same(2 * both, apart[0] + apart[1])


def check_shared_equals_plain():
    shared, plain = (gradient(OFF_POLICY, ALGORITHM, share_trunk=share) for share in (True, False))
    same(shared, plain, 1e-5)


def check_shared_equals_plain_under_a_window():
    shared, plain = (gradient(OFF_POLICY, NO_KL, "mistral-window", share_trunk=share) for share in (True, False))
    same(shared, plain, 1e-5)


def check_kl_estimates_the_divergence():
    log_p = torch.tensor([0.1, 1.0, -2.0], dtype=torch.float64).log_softmax(-1)
    log_q = torch.tensor([1.0, 0.0, 0.5], dtype=torch.float64).log_softmax(-1)
    found = kl_module.kl_k3(log_p, log_q)
    exact = float((log_p.exp() * (log_p - log_q)).sum())
    assert bool((found >= 0).all())
    assert math.isclose(float((log_p.exp() * found).sum()), exact, rel_tol=1e-9)


REWARDS = [1.0, 0.0, 0.0, 0.0, 0.5]


def check_advantages_equal_the_oracle():
    for scale in (False, True):
        found = credit_module.advantages(REWARDS, AlgorithmConfig(scale_by_std=scale))
        wanted = reference.advantages(REWARDS, scale=scale)
        assert all(math.isclose(a, b, abs_tol=1e-9) for a, b in zip(found, wanted, strict=True))


def check_advantages_of_equal_rewards_are_exactly_zero():
    for rewards in ([1.0] * 4, [0.1 + 0.2, 0.3, 0.3]):
        assert credit_module.advantages(rewards, AlgorithmConfig(scale_by_std=True)) == [0.0] * len(rewards)


def check_positive_advantages_never_push_down():
    found = credit_module.advantages(REWARDS, AlgorithmConfig(advantage="positive"))
    assert found == [max(a, 0.0) for a in credit_module.advantages(REWARDS, AlgorithmConfig())]


GROUP = Group(
    problem=PROBLEM,
    history=(attempt([1, 2], [3, 4]),),
    branches=(
        Branch(reflection=reflection([5], [10, 11]), tries=(retry([50], [20], 1.0), retry([50], [21], 1.0))),
        Branch(reflection=reflection([5], [12]), tries=(retry([51], [22], 1.0), retry([51], [23], 0.0))),
    ),
)


def credited(**settings):
    (found,) = credit_module.credit([GROUP], AlgorithmConfig(**settings), key=0)
    return [list(zip(b.token_ids, b.advantages, b.learns, strict=True)) for b in found.tree.branches]


def check_only_the_reflection_learns():
    assert credited(credit="reflection") == [[(10, 0.25, True), (11, 0.25, True)], [(12, -0.25, True)]]


def check_requests_never_learn():
    asked = {50, 51, 5}
    for kind in ("reflection", "retry", "all"):
        rows = [row for path in credited(credit=kind, kl_anchor=0.1) for row in path]
        assert not any(learns or advantage for token, advantage, learns in rows if token in asked)


def check_no_token_learns_twice():
    learned = [token for path in credited(credit="all") for token, _, learns in path if learns]
    assert sorted(learned) == [10, 11, 12, 20, 21, 22, 23]


def fresh_group(*outcomes, anew=True):
    """Two reflections on one failure, each with retries of these rewards that see it and not the failure."""
    notes, said = ((1, 2, 60, 61), (1, 2, 62)), ((10, 11), (12,))
    branches = []
    for number, (note, words, rewards) in enumerate(zip(notes, said, outcomes, strict=True)):
        made = fresh if anew else retry
        tries = tuple(made(note, (20 + 4 * number + k, 30), reward) for k, reward in enumerate(rewards))
        branches.append(Branch(reflection=reflection([5], words), tries=tries))
    return Group(problem=PROBLEM, history=(attempt([1, 2], [3, 4]),), branches=tuple(branches))


def as_sampled(group, shift=0.3):
    """The group with log-probabilities as if the model had sampled it, and then moved."""

    def moved(turns, item):
        before = reference_context(turns, item)
        values = old_logprobs(before, item.completion.token_ids)
        shifted = tuple(value + shift * (-1) ** at for at, value in enumerate(values))
        return dataclasses.replace(item, completion=dataclasses.replace(item.completion, logprobs=shifted))

    branches = tuple(
        dataclasses.replace(
            b,
            reflection=moved(group.history, b.reflection),
            tries=tuple(moved((*group.history, b.reflection), item) for item in b.tries),
        )
        for b in group.branches
    )
    return dataclasses.replace(group, branches=branches)


def reference_context(turns, item):
    """What an item's completion follows, spelled out."""
    before = [] if item.fresh else [token for turn in turns for token in (*turn.prompt_ids, *turn.completion.token_ids)]
    return (*before, *item.prompt_ids)


PLAYED = {
    anew: tuple(
        as_sampled(fresh_group(*outcomes, anew=anew))
        for outcomes in (((1.0, 0.0), (0.0, 1.0)), ((1.0, 1.0), (1.0, 1.0)), ((1.0, 0.0), (0.0, 0.0)))
    )
    for anew in (True, False)
}
"""Groups whose reflections agree, whose tries all agree, and that differ in both; by whether retries are fresh."""
CREDITS = {
    f"{kind}, anchor {anchor:g}": AlgorithmConfig(
        credit=kind, retries=2, kl_ref=0.5, kl_anchor=anchor, clip_low=0.1, clip_high=0.6
    )
    for kind in ("reflection", "retry", "all")
    for anchor in (0.0, 0.3)
}


@functools.cache
def played_oracle(anew, name):
    return reference.played_gradient(model(), PLAYED[anew], CREDITS[name], other_model(), TEMPERATURE)


def trees_of(groups, algorithm):
    return [tree for item in credit_module.credit(groups, algorithm, key=0) for tree in item.trees]


def check_credited_groups_equal_the_oracle_of_rows(anew=False):
    for name, algorithm in CREDITS.items():
        wanted, loss = played_oracle(anew, name)
        found = learner(algorithm)
        stats = found.update(trees_of(PLAYED[anew], algorithm), step=1)
        assert math.isclose(stats.loss_total, loss, rel_tol=1e-4), name
        assert (stats.groups_kept, stats.groups_flat) == ((1, 2) if algorithm.credit == "reflection" else (2, 1)), name
        again = learner(algorithm)
        groups = by_group(trees_of(PLAYED[anew], algorithm))
        kept = [t for group in groups if not all(t.is_flat for t in group) for t in group]
        again.backward(kept)
        same(reference.flat_gradient(again.policy.model), wanted)


def check_fresh_retries_equal_the_oracle_of_rows():
    check_credited_groups_equal_the_oracle_of_rows(anew=True)


RIVAL = AlgorithmConfig(type="reflect-grpo", kl_ref=0.0)
RETRIED = Group(
    problem=PROBLEM,
    history=(),
    branches=(
        Branch(reflection=None, tries=(attempt([1, 2], [20, 21], 1.0),)),
        Branch(reflection=None, tries=(attempt([1, 2], [22], 0.0),)),
        Branch(
            reflection=reflection([5], [10, 11]),
            tries=(fresh([1, 2, 60, 61], [24, 25], 1.0),),
            failed=attempt([1, 2], [22], 0.0),
        ),
    ),
)


def check_stripped_retries_learn_after_the_bare_problem():
    """Their ratio is 1 where nothing has been learned yet, so the update is REINFORCE on the problem itself."""
    found = learner(RIVAL)
    (item,) = rescoring.rescored(credit_module.credit([RETRIED], RIVAL, key=0), found)
    (tree,) = item.trees
    assert tree.trunk == (1, 2)
    assert [b.token_ids for b in tree.branches] == [(20, 21), (22,), (24, 25)]
    assert [b.learns for b in tree.branches] == [(True, True), (True,), (True, True)]
    wanted = reference.advantages([1.0, 0.0, 1.0], scale=False)
    for b, advantage in zip(tree.branches, wanted, strict=True):
        assert all(math.isclose(value, advantage, abs_tol=1e-9) for value in b.advantages)
    assert tree.branches[0].old_logprobs == (-20.0, -21.0)
    own = old_logprobs((1, 2), (24, 25))
    assert all(math.isclose(a, b, abs_tol=1e-4) for a, b in zip(tree.branches[2].old_logprobs, own, strict=True))


ENTROPY = AlgorithmConfig(kl_ref=0.0, entropy_bonus=0.4)
PPO = AlgorithmConfig(type="ppo", kl_ref=0.0, kl_reward=0.3)
CRITIC = CriticConfig(lr=1e-3, mini_batches=2, value_clip=0.4, gamma=0.9, gae_lambda=0.8)


def with_critic(algorithm=PPO, **train):
    """A learner whose critic has a head that is not zero."""
    found = learner_module.Learner(
        tiny_policy(),
        algorithm,
        OptimConfig(lr=1e-3, warmup_steps=0),
        TrainConfig(**train),
        critic=CRITIC,
        temperature=TEMPERATURE,
    )
    found.reference = FrozenCopy(copy.deepcopy(other_model()))
    generator = torch.Generator().manual_seed(5)
    head = found.critic.model.get_output_embeddings().weight
    with torch.no_grad():
        head.copy_(0.3 * torch.randn(head.shape, generator=generator))
    return found


def rewarded(found, *rewards):
    """The tree with a reward on the last token of each branch that learns."""
    branches = []
    for b, reward in zip(found.branches, rewards, strict=True):
        last = max(at for at, learns in enumerate(b.learns) if learns)
        branches.append(
            dataclasses.replace(b, rewards=tuple(reward if at == last else 0.0 for at in range(len(b.token_ids))))
        )
    return dataclasses.replace(found, branches=tuple(branches))


REWARDED = (rewarded(OFF_POLICY[0], 1.0, 0.0), rewarded(OFF_POLICY[1], 0.5, 0.0, 1.0))


@functools.cache
def judged_by_the_oracle():
    """Branch by branch values, returns and advantages; taken with the value model before any mutant is at work."""
    return reference.critic_advantages(
        with_critic().critic.model,
        other_model(),
        REWARDED,
        kl_reward=PPO.kl_reward,
        gamma=CRITIC.gamma,
        gae_lambda=CRITIC.gae_lambda,
        whitened=True,
        temperature=TEMPERATURE,
    )


def check_the_critic_advantages_equal_the_oracle():
    found = with_critic()
    trees, stats = critic_advantages.with_advantages(REWARDED, found, found.critic)
    branches = [b for t in trees for b in t.branches]
    for b, wanted in zip(branches, judged_by_the_oracle(), strict=True):
        for name, row in zip(("values", "returns", "advantages"), wanted, strict=True):
            kept = [x for x, learns in zip(getattr(b, name), b.learns, strict=True) if learns]
            assert len(kept) == len(row), name
            assert all(math.isclose(x, y, abs_tol=1e-4) for x, y in zip(kept, row, strict=True)), name
    ours = [x for _, returns, _ in judged_by_the_oracle() for x in returns]
    assert math.isclose(stats.return_mean, sum(ours) / len(ours), abs_tol=1e-4)


def judged_trees():
    """Trees with old values and returns of which some hold a value back and some do not."""
    found = []
    for t in REWARDED:
        branches = []
        for number, b in enumerate(t.branches):
            size = range(len(b.token_ids))
            values = tuple((-1.0) ** (at + number) * 0.8 for at in size)
            branches.append(
                dataclasses.replace(b, values=values, returns=tuple(0.3 * at - 0.5 * number for at in size))
            )
        found.append(dataclasses.replace(t, branches=tuple(branches)))
    return found


def check_the_critics_update_equals_the_oracle():
    found = with_critic()
    part = found.critic.backward(judged_trees())
    wanted, loss = reference.critic_gradient(found.critic.model, judged_trees(), clip=CRITIC.value_clip)
    same(reference.flat_gradient(found.critic.model), wanted)
    assert math.isclose(part.loss / sum(t.num_learning for t in REWARDED), loss, rel_tol=1e-4)
    assert 0 < part.clipped < sum(t.num_learning for t in REWARDED)


def check_how_the_critics_update_is_cut_changes_nothing():
    gradients = []
    for train in ({}, {"micro_batch_tokens": 1}, {"share_trunk": False}):
        found = with_critic(**train)
        found.critic.backward(judged_trees())
        gradients.append(reference.flat_gradient(found.critic.model))
    same(gradients[1], gradients[0])
    same(gradients[2], gradients[0])


def check_the_entropy_bonus_equals_the_oracle():
    wanted, loss = oracle(OFF_POLICY, ENTROPY.model_dump_json())
    same(gradient(OFF_POLICY, ENTROPY), wanted)
    assert math.isclose(learner(ENTROPY).update(OFF_POLICY, step=1).loss_total, loss, rel_tol=1e-4)


def check_reinforce_equals_the_oracle():
    algorithm = AlgorithmConfig(type="reinforce", kl_ref=0.0)
    wanted, _ = oracle(OFF_POLICY, algorithm.model_dump_json())
    same(gradient(OFF_POLICY, algorithm), wanted)


def check_leaving_one_out_equals_the_oracle():
    found = credit_module.advantages(REWARDS, AlgorithmConfig(type="rloo"))
    assert all(math.isclose(a, b, abs_tol=1e-9) for a, b in zip(found, reference.leave_one_out(REWARDS), strict=True))


def tries(*rewards):
    return Group(
        problem=PROBLEM,
        history=(),
        branches=tuple(Branch(reflection=None, tries=(attempt([1], [20 + i], r),)) for i, r in enumerate(rewards)),
    )


def check_shuffled_rewards_say_nothing_of_their_group():
    """All rewards are in one group; shuffled over the step they are seldom there again."""
    config = AlgorithmConfig(type="ppo", permute_rewards=True)
    found = [credit_module.credit([tries(1.0, 1.0), tries(0.0, 0.0)], config, key=key) for key in range(20)]
    sums = {sum(sum(b.rewards) for b in item.tree.branches) for first, *_ in found for item in [first]}
    assert sums == {0.0, 1.0, 2.0}


def check_each_mini_batch_is_an_update():
    parts, single = with_critic(mini_batches=2), with_critic()
    parts.update(judged_trees(), step=1)
    single.critic.update(judged_trees(), 1)
    for item in judged_trees():
        single._pass([[item]], 0, 1e-3)
    for mine, other in ((parts, single), (parts.critic, single.critic)):
        assert all(torch.equal(a, b) for a, b in zip(mine.parameters, other.parameters, strict=True))
    assert {int(state["step"]) for state in parts.optimizer.state.values()} == {2}


PROMPTS = tuple(
    Prompt(trunk=tuple(range(60, 63 + 5 * family)), tail=tuple(range(row)), key=rng.key("check", family, row))
    for family in range(2)
    for row in range(3)
)
STOPS = frozenset(range(0, 272, 16))
SAMPLING = Sampling(max_tokens=16, temperature=TEMPERATURE)


def sampled(prompts):
    return decoding.SharedSampler(model(), STOPS).sample(prompts, SAMPLING)


@functools.cache
def plainly():
    return tuple(tuple(row.token_ids) for row in sample_plainly(model(), STOPS, PROMPTS, SAMPLING))


plainly()
"""Taken before any mutant is at work: both paths draw by the same function."""


def check_sampling_does_not_depend_on_the_batch():
    together = [tuple(row.token_ids) for row in sampled(PROMPTS)]
    backwards = [tuple(row.token_ids) for row in sampled(PROMPTS[::-1])][::-1]
    assert together == backwards == list(plainly())


def check_recorded_logprobs_are_those_of_the_sampled_distribution():
    for row in sampled(PROMPTS):
        whole = [*row.prompt.ids, *row.token_ids]
        with torch.no_grad():
            scores = reference.row_logprobs(model(), whole, TEMPERATURE)[len(row.prompt.ids) - 1 :]
        assert all(abs(a - float(b)) < 1e-4 for a, b in zip(row.logprobs, scores, strict=True))


def check_the_reference_does_not_move():
    found = learner_module.Learner(
        tiny_policy(), AlgorithmConfig(kl_ref=0.1), OptimConfig(lr=1e-2, warmup_steps=0), TrainConfig()
    )
    found.update(OFF_POLICY, step=1)
    assert found.update(OFF_POLICY, step=2).kl_ref > 1e-6


CHECKS = {name: value for name, value in list(globals().items()) if name.startswith("check_")}
