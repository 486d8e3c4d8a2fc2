import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import forests, trees

from secondthought.trees import TokenTree, TreeBranch, micro_batches

BRANCH = TreeBranch(
    token_ids=(7, 8), old_logprobs=(-1.0, -2.0), advantages=(0.5, 0.0), learns=(True, False), anchored=(False, True)
)
TREE = TokenTree(trunk=(1, 2, 3), trunk_anchored=(True, False, True), branches=(BRANCH, BRANCH))


def test_counts():
    assert (TREE.num_tokens, TREE.num_learning) == (3 + 2 + 2, 2)


def test_a_trunks_first_token_is_not_counted_because_nothing_predicts_it():
    assert TREE.num_anchored == 1 + 2


@pytest.mark.parametrize("field", ["old_logprobs", "advantages", "learns", "anchored"])
def test_a_branch_needs_one_entry_per_token_in_every_field(field):
    with pytest.raises(ValueError, match="a branch of 2 tokens has fields of lengths"):
        dataclasses.replace(BRANCH, **{field: getattr(BRANCH, field)[:1]})


def test_a_tree_needs_a_trunk():
    with pytest.raises(ValueError, match="at least one token"):
        TokenTree(trunk=(), trunk_anchored=(), branches=(BRANCH,))


def test_trunk_flags_need_one_entry_per_token():
    with pytest.raises(ValueError, match="one entry per trunk token"):
        TokenTree(trunk=(1,), trunk_anchored=(), branches=(BRANCH,))


@given(trees())
def test_a_tree_is_flat_exactly_if_nothing_can_learn(tree):
    wanted = all(a == 0 for branch in tree.branches for a in branch.advantages)
    assert tree.is_flat is wanted


@given(forests(max_size=8), st.integers(1, 60))
def test_micro_batches_hold_each_tree_once_and_keep_to_their_size(found, most):
    batches = micro_batches(found, most)
    assert sorted(map(id, found)) == sorted(id(tree) for batch in batches for tree in batch)
    assert all(len(batch) == 1 or sum(tree.num_tokens for tree in batch) <= most for batch in batches)
    assert all(batches)
