"""Which tokens learn, as pictures: one column per token after the trunk.

    group: problem [1 2], attempt [3 4] (sampled), reflection request [5]       trunk = 1 2 3 4 5
    branch 0: reflection 10 11, retry request 50, retry 20 21   reward 1
    branch 1: reflection 12,    retry request 51, retry 22      reward 0

Advantages of two branches with rewards 1 and 0 are +1/2 and -1/2.
"""

import dataclasses
import math
from collections import Counter
from itertools import permutations

import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from strategies import PROBLEM, algorithms, attempt, groups, reflection, retry

from secondthought.config import AlgorithmConfig
from secondthought.config.algorithms import ALGORITHMS
from secondthought.train.credit import advantages, credit
from secondthought.types import Branch, Group, TurnKind, mean_reward

ATTEMPT = attempt([1, 2], [3, 4])
PLUS, MINUS = 0.5, -0.5
T, F = True, False


def reflect_group(*outcomes):
    """One branch per tuple of rewards; branch b reflects with 10b+10.., retries with 20.."""
    shapes = [((10, 11), 50, [(20, 21), (23,)]), ((12,), 51, [(22,), (24, 25)])]
    branches = []
    for rewards, (said, request, tried) in zip(outcomes, shapes, strict=True):
        tries = tuple(retry([request], ids, reward) for ids, reward in zip(tried, rewards, strict=False))
        branches.append(Branch(reflection=reflection([5], said), tries=tries))
    return Group(problem=PROBLEM, history=(ATTEMPT,), branches=tuple(branches))


def tree_of(group, **settings):
    (credited,) = credit([group], AlgorithmConfig(**settings), key=0)
    return credited.tree


def picture(branch):
    """(token, advantage, learns, anchored) per token."""
    return list(zip(branch.token_ids, branch.advantages, branch.learns, branch.anchored, strict=True))


ONE_RETRY = reflect_group((1.0,), (0.0,))


def test_credit_on_the_reflection_leaves_the_retry_out():
    """10 11 | 12
    + +   -"""
    tree = tree_of(ONE_RETRY, credit="reflection")
    assert (tree.trunk, tree.trunk_anchored) == ((1, 2, 3, 4, 5), (F,) * 5)
    assert [picture(branch) for branch in tree.branches] == [
        [(10, PLUS, T, F), (11, PLUS, T, F)],
        [(12, MINUS, T, F)],
    ]
    assert [branch.old_logprobs for branch in tree.branches] == [(-10.0, -11.0), (-12.0,)]


def test_with_an_anchor_the_attempt_and_the_retry_are_held_but_do_not_learn():
    """1 2 3 4 5 | 10 11 (50) 20 21
    . . a a .   +  +   .   a  a"""
    tree = tree_of(ONE_RETRY, credit="reflection", kl_anchor=0.1)
    assert tree.trunk_anchored == (F, F, T, T, F)
    assert [picture(branch) for branch in tree.branches] == [
        [(10, PLUS, T, F), (11, PLUS, T, F), (50, 0.0, F, F), (20, 0.0, F, T), (21, 0.0, F, T)],
        [(12, MINUS, T, F), (51, 0.0, F, F), (22, 0.0, F, T)],
    ]


def test_credit_on_the_retry_reads_the_reflection_as_context():
    """10 11 (50) 20 21
    .  .   .   +  +"""
    tree = tree_of(ONE_RETRY, credit="retry")
    assert [picture(branch) for branch in tree.branches] == [
        [(10, 0.0, F, F), (11, 0.0, F, F), (50, 0.0, F, F), (20, PLUS, T, F), (21, PLUS, T, F)],
        [(12, 0.0, F, F), (51, 0.0, F, F), (22, MINUS, T, F)],
    ]


def test_credit_on_the_retry_with_an_anchor_holds_the_reflection():
    tree = tree_of(ONE_RETRY, credit="retry", kl_anchor=0.1)
    assert tree.trunk_anchored == (F, F, T, T, F)
    assert [branch.anchored for branch in tree.branches] == [(T, T, F, F, F), (T, F, F)]


def test_credit_on_all_skips_only_the_request():
    """10 11 (50) 20 21
    +  +   .   +  +"""
    tree = tree_of(ONE_RETRY, credit="all")
    assert [picture(branch) for branch in tree.branches] == [
        [(10, PLUS, T, F), (11, PLUS, T, F), (50, 0.0, F, F), (20, PLUS, T, F), (21, PLUS, T, F)],
        [(12, MINUS, T, F), (51, 0.0, F, F), (22, MINUS, T, F)],
    ]


TWO_RETRIES = reflect_group((1.0, 1.0), (1.0, 0.0))
"""Branch rewards 1 and 1/2: +-1/4. Retries 1 1 1 0, mean 3/4: +1/4 +1/4 +1/4 -3/4."""


def test_two_retries_average_into_the_reflections_advantage():
    tree = tree_of(TWO_RETRIES, credit="reflection")
    assert [branch.advantages for branch in tree.branches] == [(0.25, 0.25), (-0.25,)]


def test_two_retries_with_an_anchor_hold_the_first_of_them():
    tree = tree_of(TWO_RETRIES, credit="reflection", kl_anchor=0.1)
    assert [branch.token_ids for branch in tree.branches] == [(10, 11, 50, 20, 21), (12, 51, 22)]
    assert [branch.anchored for branch in tree.branches] == [(F, F, F, T, T), (F, F, T)]


def test_each_of_two_retries_is_judged_by_its_own_verdict():
    """Two paths per reflection, of which the reflection is context."""
    tree = tree_of(TWO_RETRIES, credit="retry", kl_anchor=0.1)
    assert [picture(branch) for branch in tree.branches] == [
        [(10, 0.0, F, T), (11, 0.0, F, T), (50, 0.0, F, F), (20, 0.25, T, F), (21, 0.25, T, F)],
        [(10, 0.0, F, F), (11, 0.0, F, F), (50, 0.0, F, F), (23, 0.25, T, F)],
        [(12, 0.0, F, T), (51, 0.0, F, F), (22, 0.25, T, F)],
        [(12, 0.0, F, F), (51, 0.0, F, F), (24, -0.75, T, F), (25, -0.75, T, F)],
    ]


def test_with_credit_on_all_and_two_retries_the_reflection_counts_once():
    tree = tree_of(TWO_RETRIES, credit="all")
    assert [picture(branch) for branch in tree.branches] == [
        [(10, 0.25, T, F), (11, 0.25, T, F), (50, 0.0, F, F), (20, 0.25, T, F), (21, 0.25, T, F)],
        [(10, 0.0, F, F), (11, 0.0, F, F), (50, 0.0, F, F), (23, 0.25, T, F)],
        [(12, -0.25, T, F), (51, 0.0, F, F), (22, 0.25, T, F)],
        [(12, 0.0, F, F), (51, 0.0, F, F), (24, -0.75, T, F), (25, -0.75, T, F)],
    ]


def lone_group(kind, history, rewards):
    request = {"attempt": [1, 2], "retry": [6]}[kind]
    build = {"attempt": attempt, "retry": retry}[kind]
    branches = tuple(
        Branch(reflection=None, tries=(build(request, [30 + index, 40], reward),))
        for index, reward in enumerate(rewards)
    )
    return Group(problem=PROBLEM, history=history, branches=branches)


def test_grpo_learns_on_first_tries_after_the_problem():
    tree = tree_of(lone_group("attempt", (), [1.0, 0.0, 0.0, 1.0]), type="grpo", kl_anchor=0.1)
    assert (tree.trunk, tree.trunk_anchored) == ((1, 2), (F, F))
    assert [branch.token_ids for branch in tree.branches] == [(30, 40), (31, 40), (32, 40), (33, 40)]
    assert [branch.advantages[0] for branch in tree.branches] == [0.5, -0.5, -0.5, 0.5]
    assert {flag for branch in tree.branches for flag in branch.learns} == {True}


def test_retry_only_learns_on_retries_after_the_failed_attempt():
    tree = tree_of(lone_group("retry", (ATTEMPT,), [1.0, 0.0]), type="retry-only", kl_anchor=0.1)
    assert (tree.trunk, tree.trunk_anchored) == ((1, 2, 3, 4, 6), (F, F, T, T, F))
    assert [picture(branch) for branch in tree.branches] == [
        [(30, PLUS, T, F), (40, PLUS, T, F)],
        [(31, MINUS, T, F), (40, MINUS, T, F)],
    ]


def test_positive_only_never_pushes_down():
    tree = tree_of(ONE_RETRY, advantage="positive")
    assert [branch.advantages for branch in tree.branches] == [(0.5, 0.5), (0.0,)]


def test_permuted_rewards_are_the_same_rewards_on_other_branches():
    rewards = [1.0] * 3 + [0.0] * 13
    group = lone_group("attempt", (), rewards)
    seen = set()
    for key in range(20):
        (found,) = credit([group], AlgorithmConfig(type="grpo", permute_rewards=True), key=key)
        assert sorted(found.advantages) == sorted(reference.advantages(rewards))
        assert found.group is group
        seen.add(found.advantages)
    assert len(seen) > 10


def test_permutation_moves_a_branchs_retries_together_and_depends_on_the_key_alone():
    settings = AlgorithmConfig(credit="retry", permute_rewards=True)
    outcomes = Counter()
    for key in range(30):
        (found,) = credit([TWO_RETRIES], settings, key=key)
        assert found == credit([TWO_RETRIES], settings, key=key)[0]
        by_try = tuple(branch.advantages[-1] for branch in found.tree.branches)
        outcomes[by_try] += 1
    assert set(outcomes) == {(0.25, 0.25, 0.25, -0.75), (0.25, -0.75, 0.25, 0.25)}


def test_groups_of_one_step_are_permuted_independently():
    group = lone_group("attempt", (), [1.0] + [0.0] * 15)
    found = credit([group] * 8, AlgorithmConfig(type="grpo", permute_rewards=True), key=1)
    assert len({credited.advantages for credited in found}) > 3


@given(st.lists(groups(), max_size=3), algorithms)
def test_every_sampled_token_learns_or_is_context_but_never_twice(found, settings):
    for credited in credit(found, settings, key=0):
        for branch in credited.tree.branches:
            assert all(a == 0.0 for a, learns in zip(branch.advantages, branch.learns, strict=True) if not learns)
            assert not any(learns and held for learns, held in zip(branch.learns, branch.anchored, strict=True))
        group = credited.group
        said = sum(len(branch.reflection.completion.token_ids) for branch in group.branches)
        tried = sum(len(turn.completion.token_ids) for branch in group.branches for turn in branch.tries)
        wanted = {"reflection": said, "retry": tried, "all": said + tried}[settings.credit]
        assert credited.tree.num_learning == wanted


@given(groups(), algorithms)
def test_branch_advantages_equal_the_oracle(group, settings):
    (credited,) = credit([group], settings, key=0)
    wanted = reference.advantages([branch.reward for branch in group.branches], scale=settings.scale_by_std)
    if settings.advantage == "positive":
        wanted = [max(value, 0.0) for value in wanted]
    assert credited.advantages == pytest.approx(tuple(wanted))


@pytest.mark.parametrize("reward", [0.0, 1.0])
def test_a_group_that_agrees_is_flat(reward):
    assert tree_of(reflect_group((reward,), (reward,))).is_flat


def test_a_group_whose_branches_agree_on_average_is_flat_for_reflections_but_not_for_retries():
    group = reflect_group((1.0, 0.0), (0.0, 1.0))
    assert tree_of(group, credit="reflection").is_flat
    assert not tree_of(group, credit="retry").is_flat


def test_a_try_without_a_verdict_is_refused():
    bare = dataclasses.replace(ONE_RETRY.branches[0].tries[0], verdict=None)
    group = dataclasses.replace(
        ONE_RETRY, branches=(dataclasses.replace(ONE_RETRY.branches[0], tries=(bare,)), ONE_RETRY.branches[1])
    )
    with pytest.raises(ValueError, match="no reward"):
        credit([group], AlgorithmConfig(), key=0)


def test_an_oracles_reflection_without_logprobs_can_be_context():
    spoken = dataclasses.replace(ONE_RETRY.branches[0].reflection.completion, logprobs=(math.nan, math.nan))
    first = dataclasses.replace(
        ONE_RETRY.branches[0], reflection=dataclasses.replace(ONE_RETRY.branches[0].reflection, completion=spoken)
    )
    tree = tree_of(dataclasses.replace(ONE_RETRY, branches=(first, ONE_RETRY.branches[1])), credit="retry")
    assert tree.branches[0].learns == (F, F, F, T, T)


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [
        ({"type": "grpo"}, (TurnKind.ATTEMPT,)),
        ({"type": "retry-only"}, (TurnKind.RETRY,)),
        ({"credit": "reflection"}, (TurnKind.REFLECTION,)),
        ({"credit": "retry"}, (TurnKind.RETRY,)),
        ({"credit": "all"}, (TurnKind.REFLECTION, TurnKind.RETRY)),
    ],
)
def test_the_kinds_that_learn_are_named_for_reports(settings, kinds):
    assert AlgorithmConfig(**settings).learned_kinds == kinds


def of_rewards(*rewards):
    """A group of first tries at one problem."""
    return lone_group("attempt", (), list(rewards))


def row_advantages(groups, **settings_):
    return [list(found.advantages) for found in credit(groups, AlgorithmConfig(**settings_), key=0)]


GROUPS = [of_rewards(1.0, 0.0, 0.0), of_rewards(1.0, 1.0, 1.0), of_rewards(0.0, 0.0, 0.5)]


def test_rloo_compares_each_try_with_the_others_of_its_group():
    wanted = [reference.leave_one_out(group.rewards) for group in GROUPS]
    for found, row in zip(row_advantages(GROUPS, type="rloo"), wanted, strict=True):
        assert found == pytest.approx(row)


def test_reinforce_compares_with_the_mean_of_the_step():
    mean = 4.5 / 9
    wanted = [[reward - mean for reward in group.rewards] for group in GROUPS]
    for found, row in zip(row_advantages(GROUPS, type="reinforce"), wanted, strict=True):
        assert found == pytest.approx(row)
    trees = [found.tree for found in credit(GROUPS, AlgorithmConfig(type="reinforce"), key=0)]
    assert not any(tree.is_flat for tree in trees)  # equal rewards of a group are no flat group here


def test_reinforce_may_divide_by_the_deviation_of_the_step():
    flat = [reward for group in GROUPS for reward in group.rewards]
    found = [a for row in row_advantages(GROUPS, type="reinforce", scale_by_std=True) for a in row]
    assert found == pytest.approx(reference.advantages(flat, scale=True))


def test_reinforce_with_the_groups_mean_is_grpo_without_its_deviation():
    assert row_advantages(GROUPS, type="reinforce", baseline="group") == row_advantages(GROUPS, type="grpo")


def test_ppo_leaves_advantages_to_its_critic():
    found = credit(GROUPS, AlgorithmConfig(type="ppo"), key=0)
    assert {a for item in found for a in item.advantages} == {0.0}
    for item, group in zip(found, GROUPS, strict=True):
        for branch, reward in zip(item.tree.branches, group.rewards, strict=True):
            assert all(branch.learns)
            assert branch.rewards == (*[0.0] * (len(branch.token_ids) - 1), reward)


@pytest.mark.parametrize("row", [{"type": "ppo"}, {"type": "reinforce"}])
def test_shuffled_rewards_go_round_the_step_where_the_baseline_is_not_the_groups(row):
    """Within a group they would still say how good it was, and no baseline of the group takes that off."""
    config = AlgorithmConfig(permute_rewards=True, **row)
    dealt = [_rewards_of(credit(GROUPS * 4, config, key=key)) for key in range(4)]
    assert len({tuple(row_) for row_ in dealt}) > 1
    assert {tuple(sorted(row_)) for row_ in dealt} == {tuple(sorted(_rewards_of(credit(GROUPS * 4, config, key=9))))}
    sums = {round(sum(row_[3 * number : 3 * number + 3]), 6) for row_ in dealt for number in range(12)}
    assert len(sums) > 3


def _rewards_of(found):
    return [sum(b.rewards) if b.rewards else b.advantages[0] for item in found for b in item.tree.branches]


@pytest.mark.parametrize("kind", [name for name, row in ALGORITHMS.items() if row.branches == "attempts"])
def test_every_row_of_first_tries_learns_on_attempts(kind):
    assert AlgorithmConfig(type=kind).learned_kinds == (TurnKind.ATTEMPT,)


@pytest.mark.parametrize("size", [1.0, 20_000.0, 1e9])
def test_the_same_retries_in_another_order_are_no_signal(size):
    tries = [size + 0.1, size + 0.2, size + 0.7]
    rewards = [mean_reward(order) for order in permutations(tries)]
    assert advantages(rewards, AlgorithmConfig(scale_by_std=True)) == [0.0] * 6
    assert mean_reward([0.1 * size, 0.2 * size, -0.3 * size]) == 0.0


FRESH = reflect_group((1.0, 0.0), (0.0, 1.0))
FRESH = dataclasses.replace(
    FRESH,
    branches=tuple(
        dataclasses.replace(
            branch,
            tries=tuple(
                dataclasses.replace(turn, prompt_ids=(1, 2, 60 + number, 70), fresh=True) for turn in branch.tries
            ),
        )
        for number, branch in enumerate(FRESH.branches)
    ),
)
"""The same tries, each in a conversation of its own: 1 2 | 60 70 or 61 70 | retry."""


def trees_of(group, **settings):
    (credited,) = credit([group], AlgorithmConfig(**settings), key=0)
    return credited.trees


def test_with_credit_on_the_reflection_what_the_retry_sees_changes_no_tree():
    assert trees_of(FRESH) == trees_of(reflect_group((1.0, 0.0), (0.0, 1.0)))


def test_fresh_retries_learn_in_a_tree_of_their_own():
    """The trunk is what the prompts share, the rest of each is context, the reflection nowhere."""
    (tree,) = trees_of(FRESH, credit="retry")
    assert (tree.trunk, tree.trunk_anchored, tree.continues) == ((1, 2), (F, F), False)
    assert [picture(branch) for branch in tree.branches] == [
        [(60, 0.0, F, F), (70, 0.0, F, F), (20, 0.5, T, F), (21, 0.5, T, F)],
        [(60, 0.0, F, F), (70, 0.0, F, F), (23, -0.5, T, F)],
        [(61, 0.0, F, F), (70, 0.0, F, F), (22, -0.5, T, F)],
        [(61, 0.0, F, F), (70, 0.0, F, F), (24, 0.5, T, F), (25, 0.5, T, F)],
    ]


def test_with_credit_on_all_the_reflections_keep_their_tree_and_the_group_is_one():
    first, second = trees_of(FRESH, credit="all")
    assert first.is_flat
    assert (first.continues, second.continues) == (False, True)
    assert [branch.token_ids for branch in first.branches] == [(10, 11), (12,)]
    assert first.num_learning == 3
    assert (second,) == tuple(dataclasses.replace(t, continues=True) for t in trees_of(FRESH, credit="retry"))


def test_an_anchor_holds_fresh_retries_in_their_own_tree():
    first, second = trees_of(FRESH, credit="reflection", kl_anchor=0.1)
    assert first.trunk_anchored == (F, F, T, T, F)
    assert [branch.learns for branch in first.branches] == [(T, T), (T,)]
    assert [branch.anchored for branch in second.branches] == [(F, F, T, T), (F, F, T)]
    assert second.num_learning == 0
    first, second = trees_of(FRESH, credit="retry", kl_anchor=0.1)
    assert [branch.anchored for branch in first.branches] == [(T, T), (T,)]
    assert second.num_anchored == 0


def test_fresh_retries_without_a_reflection_have_their_own_prompt_as_trunk():
    made = dataclasses.replace(retry([1, 2, 9], [30], 1.0), fresh=True)
    branches = tuple(
        Branch(reflection=None, tries=(dataclasses.replace(made, verdict=turn.verdict),))
        for turn in (made, retry([1], [2], 0.0))
    )
    group = Group(problem=PROBLEM, history=(ATTEMPT,), branches=branches)
    (tree,) = trees_of(group, type="retry-only", kl_anchor=0.1)
    assert (tree.trunk, tree.trunk_anchored) == ((1, 2, 9), (F, F, F))
    assert [branch.advantages for branch in tree.branches] == [(PLUS,), (MINUS,)]


@given(st.lists(groups(), max_size=3), algorithms)
def test_the_trees_of_fresh_groups_spell_their_conversations(found, settings):
    """Every path is a whole conversation, and the sums that learn and are held are those of the other way."""
    anew = [
        dataclasses.replace(
            group,
            branches=tuple(
                dataclasses.replace(b, tries=tuple(dataclasses.replace(t, fresh=True) for t in b.tries))
                for b in group.branches
            ),
        )
        for group in found
    ]
    anew = [
        dataclasses.replace(
            group,
            branches=tuple(
                dataclasses.replace(
                    b, tries=tuple(dataclasses.replace(t, prompt_ids=(0, *t.prompt_ids)) for t in b.tries)
                )
                for b in group.branches
            ),
        )
        for group in anew
    ]
    for one, other in zip(credit(found, settings, key=0), credit(anew, settings, key=0), strict=True):
        assert one.advantages == other.advantages
        for name in ("num_learning", "num_anchored"):
            assert sum(getattr(tree, name) for tree in one.trees) == sum(getattr(tree, name) for tree in other.trees)
        assert all(tree.is_flat for tree in one.trees) == all(tree.is_flat for tree in other.trees)
        history = sum((turn.ids for turn in other.group.history), ())
        spoken = {history + b.reflection.ids for b in other.group.branches}
        spoken |= {turn.ids for b in other.group.branches for turn in b.tries}
        paths = {tree.trunk + branch.token_ids for tree in other.trees for branch in tree.branches}
        assert paths <= spoken
        assert [tree.continues for tree in other.trees] == [False, True][: len(other.trees)]
