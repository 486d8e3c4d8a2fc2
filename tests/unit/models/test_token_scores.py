"""Scores taken in slices are those of all logits at once, their gradients too, for heads of every kind."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from saved_tensors import kept_for_backward
from strategies import forests
from tiny_models import ARCHITECTURES, tiny_model

from secondthought.models import output_head, token_scores, tree_forward
from secondthought.models.output_head import find_head
from secondthought.models.tree_forward import TreeForward

CPU = torch.device("cpu")
MODELS = {name: tiny_model(name).double() for name in ARCHITECTURES}


def scored(model, trees, *, share, spread, temperature=1.0):
    """Return values, and the gradient of a weighted sum of both scores with respect to all that learns."""
    model.zero_grad()
    found = TreeForward(trees, CPU, share=share).scores(model, temperature=temperature, spread=spread)
    weights = torch.linspace(-1.0, 2.0, len(found.logprobs), dtype=torch.float64)
    total = (found.logprobs * weights).sum() + (found.entropy.sum() if spread == "learns" else 0.0)
    total.backward()
    return found, {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@settings(max_examples=12)
@given(
    found=forests(),
    rows=st.integers(1, 5),
    block=st.integers(1, 3),
    share=st.booleans(),
    frozen=st.booleans(),
    spread=st.sampled_from(["unread", "read", "learns"]),
    temperature=st.sampled_from([0.7, 1.0]),
)
def test_slices_give_the_values_and_gradients_of_the_whole(
    architecture, found, rows, block, share, frozen, spread, temperature
):
    if not tree_forward.targets(found):
        return
    model = MODELS[architecture]
    share = share or architecture == "gemma2-window-capped"  # its own forward over padding is not a number in float64
    for parameter in model.get_output_embeddings().parameters():
        parameter.requires_grad_(not frozen)
    with pytest.MonkeyPatch.context() as patch:
        whole, wanted = scored(model, found, share=share, spread=spread, temperature=temperature)
        vocab = tree_forward.vocabulary(model)
        patch.setattr(token_scores, "SLICE", rows * vocab)
        patch.setattr(token_scores, "BLOCK", block * vocab)
        patch.setattr(tree_forward, "SLICE", 0)
        assert TreeForward(found, CPU, share=share).sliced_by(model) is not None
        sliced, gradients = scored(model, found, share=share, spread=spread, temperature=temperature)
    torch.testing.assert_close(sliced.logprobs, whole.logprobs, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(sliced.entropy, whole.entropy, rtol=1e-9, atol=1e-9)
    assert sliced.entropy.requires_grad == whole.entropy.requires_grad
    assert gradients.keys() == wanted.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, wanted[name], rtol=1e-6, atol=1e-8, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("spread", ["read", "learns"])
@pytest.mark.parametrize("kind", ["frozen", "learning", "no gradient"])
def test_under_autocast_scores_are_computed_from_its_logits_in_fp32(kind, spread, monkeypatch):
    """Autocast makes some products coarse, which would be seen in the entropy."""
    torch.manual_seed(0)
    model = tiny_model()
    model.get_output_embeddings().weight.requires_grad_(kind == "learning")
    head, vocab = find_head(model), tree_forward.vocabulary(model)
    hidden = 3.0 * torch.randn(20, model.config.hidden_size)
    hidden.requires_grad_(kind != "no gradient")
    wanted = token_scores.Scoring(torch.arange(20) % vocab, torch.ones(20, dtype=torch.bool), 1.0, spread)
    monkeypatch.setattr(token_scores, "SLICE", 6 * vocab)
    with torch.autocast("cpu", torch.bfloat16), torch.set_grad_enabled(kind != "no gradient"):
        found = token_scores.scores_of_states(head, hidden, vocab, wanted)
        logits = head(hidden).detach()
    log_p = logits.float().log_softmax(-1)
    torch.testing.assert_close(found.entropy, -(log_p.exp() * log_p).sum(-1), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found.logprobs, log_p[torch.arange(20), wanted.token_ids], rtol=1e-5, atol=1e-5)
    if kind != "no gradient":
        (found.logprobs.sum() + (found.entropy.sum() if spread == "learns" else 0.0)).backward()
        assert torch.isfinite(hidden.grad).all()


@pytest.mark.parametrize("frozen", [True, False])
def test_no_more_than_a_slice_of_logits_is_kept_for_the_backward(frozen, monkeypatch):
    model = copy.deepcopy(MODELS["qwen2"])
    model.get_output_embeddings().weight.requires_grad_(not frozen)
    head, vocab = find_head(model), tree_forward.vocabulary(model)
    hidden = torch.randn(50, model.config.hidden_size, dtype=torch.float64, requires_grad=True)
    wanted = token_scores.Scoring(torch.arange(50), torch.ones(50, dtype=torch.bool), 1.0, "read")
    monkeypatch.setattr(token_scores, "SLICE", 4 * vocab)
    seen = []
    right = output_head.OutputHead.__call__
    monkeypatch.setattr(
        output_head.OutputHead, "__call__", lambda self, states: seen.append(len(states)) or right(self, states)
    )
    with kept_for_backward(model) as kept:
        token_scores.scores_of_states(head, hidden, vocab, wanted)
    assert sum(tensor.numel() for tensor in kept.values()) < 50 * vocab / 2
    assert set(seen) == {4, 2}


def test_a_cap_of_logits_is_part_of_the_head():
    """Without Gemma 2's cap the scores would be others."""
    model = MODELS["gemma2-window-capped"]
    states = 9.0 * torch.randn(3, model.config.hidden_size, dtype=torch.float64)
    with torch.no_grad():
        capped, bare = find_head(model)(states), model.lm_head(states)
    assert capped.abs().max() <= 3.0 < bare.abs().max()


def test_a_model_that_does_more_between_body_and_logits_is_not_sliced(monkeypatch):
    """What is added here depends on the tokens, which a head by itself does not know."""

    class Odd(type(tiny_model())):
        def forward(self, input_ids=None, logits_to_keep=0, **given):
            output = super().forward(input_ids=input_ids, logits_to_keep=logits_to_keep, **given)
            output.logits = output.logits + input_ids.sum()
            return output

    model = tiny_model()
    model.__class__ = Odd
    monkeypatch.setattr(tree_forward, "SLICE", 0)
    assert find_head(model) is None


def test_the_body_computes_again_after_the_head_was_run():
    model = tiny_model()
    ids = torch.arange(4)[None]
    with torch.no_grad():
        before = model(ids).logits
        find_head(model)(torch.randn(2, model.config.hidden_size))
        assert torch.equal(model(ids).logits, before)
