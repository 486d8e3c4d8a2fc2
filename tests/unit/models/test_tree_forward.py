"""The shared forward gives the plain forward's logits at the same tokens, in the same order."""

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from strategies import forests
from tiny_models import ARCHITECTURES, tiny_model

from secondthought.errors import PolicyError
from secondthought.models import merged_attention
from secondthought.models.tree_attention import PackedTrees, tree_attention
from secondthought.models.tree_forward import TRUNK, TreeForward, targets
from secondthought.trees import TokenTree, TreeBranch

CPU = torch.device("cpu")
T, F = True, False
TREE = TokenTree(
    trunk=(1, 2, 3),
    trunk_anchored=(T, T, F),
    branches=(
        TreeBranch(
            token_ids=(4, 5, 6),
            old_logprobs=(-1.0, 0.0, -3.0),
            advantages=(0.5, 0.0, 0.0),
            learns=(T, F, F),
            anchored=(F, F, T),
        ),
        TreeBranch(token_ids=(7,), old_logprobs=(-7.0,), advantages=(-0.5,), learns=(T,), anchored=(F,)),
    ),
)
"""trunk  1 2 3      anchored: 1 (which nothing predicts) and 2
branch 0     4 5 6  4 learns, 5 is context, 6 is anchored
branch 1     7      7 learns"""
MODELS = {name: tiny_model(name) for name in ARCHITECTURES}


def test_targets_are_the_tokens_that_learn_or_are_anchored_in_order():
    found = [(t.branch, t.at, t.token_id, t.old_logprob, t.advantage, t.learns) for t in targets([TREE])]
    assert found == [
        (TRUNK, 1, 2, 0.0, 0.0, F),
        (0, 0, 4, -1.0, 0.5, T),
        (0, 2, 6, -3.0, 0.0, F),
        (1, 0, 7, -7.0, -0.5, T),
    ]


@pytest.mark.parametrize("share", [False, True])
def test_each_targets_logits_are_those_of_a_row_of_its_own(share, architecture):
    """2 after 1; 4 after 1 2 3; 6 after 1 2 3 4 5; 7 after 1 2 3."""
    model = MODELS[architecture]
    with torch.no_grad():
        found = TreeForward([TREE], CPU, share=share).logits(model)
        wanted = [model(torch.tensor([row])).logits[0, -1] for row in ([1], [1, 2, 3], [1, 2, 3, 4, 5], [1, 2, 3])]
    torch.testing.assert_close(found, torch.stack(wanted), rtol=1e-4, atol=1e-5)


@settings(max_examples=15)
@given(forests())
def test_shared_equals_plain_on_any_forest(architecture, found):
    model = MODELS[architecture]
    with torch.no_grad():
        shared, plain = (TreeForward(found, CPU, share=share).logits(model) for share in (True, False))
    torch.testing.assert_close(shared, plain, rtol=1e-4, atol=2e-5)


@settings(max_examples=10)
@given(forests())
def test_without_fused_parts_the_expanded_trunk_gives_the_same(found):
    model = MODELS["qwen2"]
    with torch.no_grad():
        merged = TreeForward(found, CPU, share=True).logits(model)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(merged_attention, "available", lambda device: False)
            expanded = TreeForward(found, CPU, share=True).logits(model)
    torch.testing.assert_close(merged, expanded, rtol=1e-4, atol=2e-5)


def test_under_autocast_the_two_paths_agree_as_far_as_bf16_goes(architecture):
    model, trees = (
        MODELS[architecture],
        [TREE, dataclasses.replace(TREE, trunk=(9, 8, 7, 6, 5), trunk_anchored=(F,) * 5)],
    )

    def gradient(share):
        model.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = TreeForward(trees, CPU, share=share).logits(model)
        logits.float().log_softmax(-1)[:, 3].sum().backward()
        return torch.cat([p.grad.flatten().double() for p in model.parameters() if p.grad is not None])

    shared, plain = gradient(True), gradient(False)
    assert (shared - plain).norm() < 0.05 * plain.norm()


@settings(max_examples=15)
@given(forests())
def test_a_tree_reads_nothing_of_its_neighbours(found):
    model = MODELS["qwen2"]
    with torch.no_grad():
        together = TreeForward(found, CPU, share=True).logits(model)
        alone = torch.cat([TreeForward([tree], CPU, share=True).logits(model) for tree in found])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=2e-5)


def test_the_flat_row_holds_every_token_once_at_its_position_along_its_branch():
    packed = PackedTrees([((1, 2), ((3, 4), (5,))), ((6,), ())], CPU)
    assert packed.input_ids.tolist() == [[1, 2, 3, 4, 5, 6]]
    assert packed.position_ids.tolist() == [[0, 1, 2, 3, 2, 0]]


def test_the_models_own_attention_comes_back_even_after_an_error():
    model = tiny_model()
    before = model.config._attn_implementation
    with pytest.raises(ZeroDivisionError):
        _fails_within(model, before)
    assert model.config._attn_implementation == before


def _fails_within(model, before):
    with tree_attention(model):
        assert model.config._attn_implementation != before
        raise ZeroDivisionError


def test_layers_that_drop_the_tree_are_named():
    model = tiny_model()
    with pytest.raises(PolicyError, match="do not pass extra arguments"), tree_attention(model):
        model(input_ids=torch.tensor([[1, 2]]), use_cache=False)
