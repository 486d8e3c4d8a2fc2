"""Likelihoods of continuations: those of whole rows read one by one, whatever shares a trunk or a forward."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import tiny_policy

from secondthought.errors import PolicyError
from secondthought.models import continuations
from secondthought.models.continuations import Continued, likelihoods

POLICY = tiny_policy("qwen2")
IDS = st.lists(st.integers(0, 255), min_size=1, max_size=5).map(tuple)


def slow(policy, text, continuation):
    """Read one row by itself, and add up its tokens one by one."""
    with torch.no_grad():
        logits = policy.model(torch.tensor([[*text, *continuation]])).logits[0].double()
    rows = [logits[len(text) + place - 1] for place in range(len(continuation))]
    total = sum(float(row.log_softmax(-1)[token]) for row, token in zip(rows, continuation, strict=True))
    return total, all(int(row.argmax()) == token for row, token in zip(rows, continuation, strict=True))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.builds(Continued, IDS, IDS), min_size=1, max_size=8), st.sampled_from([1, 7, 2048]))
def test_they_are_those_of_rows_read_alone(asked, most):
    asked = [*asked, *(Continued(item.text, (1, 2)) for item in asked), asked[0]]  # shared trunks, and one twice
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(continuations, "READ_TOKENS", most)
        found = likelihoods(POLICY, asked)
    for item, (logprob, greedy) in zip(asked, found, strict=True):
        wanted, is_greedy = slow(POLICY, *item)
        assert logprob == pytest.approx(wanted, abs=1e-4)
        assert greedy == is_greedy


def test_the_likeliest_continuation_is_greedy():
    text = (3, 4, 5)
    with torch.no_grad():
        first = int(POLICY.model(torch.tensor([text])).logits[0, -1].argmax())
    other = (first + 1) % 256
    assert [item.greedy for item in likelihoods(POLICY, [Continued(text, (first,)), Continued(text, (other,))])] == [
        True,
        False,
    ]


def test_a_text_beyond_the_positions_is_refused():
    longest = POLICY.model.config.max_position_embeddings
    likelihoods(POLICY, [Continued((1,) * (longest - 1), (2,))])
    with pytest.raises(PolicyError, match=f"{longest + 1} tokens exceeds the model's positions"):
        likelihoods(POLICY, [Continued((1,) * longest, (2,))])


def test_nothing_to_read_is_an_error():
    with pytest.raises(ValueError, match="token"):
        likelihoods(POLICY, [Continued((1,), ())])
    with pytest.raises(ValueError, match="token"):
        likelihoods(POLICY, [Continued((), (1,))])
