"""Sampling: the shared path gives the plain path's tokens, whatever else is in the batch."""

import functools
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import ids
from tiny_models import tiny_model, tiny_policy

from secondthought import rng
from secondthought.inference import decoding, reading
from secondthought.inference.branch_cache import BranchCache
from secondthought.inference.decoding import Flight, Row, SharedSampler
from secondthought.inference.drawing import draw
from secondthought.inference.plain_decoding import sample_plainly
from secondthought.models.tree_attention import tree_attention
from secondthought.types import Prompt, Sampling

STOPS = frozenset(range(0, 272, 24))
"""About one token in twenty-four, so that rows end at many different lengths and rectangles shrink."""
SAMPLING = Sampling(max_tokens=24)
MODEL = tiny_model()


def prompts(trunks=((5, 6, 7), tuple(range(20)), (9,)), sizes=(4, 3, 1)):
    """Ragged trunks, tails and family sizes."""
    return [
        Prompt(trunk=trunk, tail=tuple(range(40, 40 + 2 * row)), key=rng.key("row", family, row))
        for family, (trunk, size) in enumerate(zip(trunks, sizes, strict=True))
        for row in range(size)
    ]


def tokens(rows):
    return [tuple(row.token_ids) for row in rows]


def shared(found, *, model=MODEL, sampling=SAMPLING, max_rows=1024, stops=STOPS):
    return SharedSampler(model, stops, max_rows).sample(found, sampling)


@functools.cache
def plainly(architecture, temperature):
    """What the plain path samples, in seconds where attention has a window: once for all who compare with it."""
    return sample_plainly(tiny_model(architecture), STOPS, prompts(), Sampling(max_tokens=24, temperature=temperature))


@pytest.mark.parametrize("temperature", [0.0, 0.6, 1.0])
def test_shared_equals_plain_token_for_token(architecture, temperature):
    model, sampling = tiny_model(architecture), Sampling(max_tokens=24, temperature=temperature)
    ours = shared(prompts(), model=model, sampling=sampling)
    plain = plainly(architecture, temperature)
    assert tokens(ours) == tokens(plain)
    assert len({len(row.token_ids) for row in ours}) > 2 or temperature == 0.0  # greedy rows may all run on
    for row, other in zip(ours, plain, strict=True):
        assert row.logprobs == pytest.approx(other.logprobs, abs=1e-4)


@settings(max_examples=12)
@given(st.permutations(range(8)), st.integers(1, 8), st.integers(1, 12))
def test_tokens_do_not_depend_on_company_order_or_batch_shape(order, keep, max_rows):
    chosen = order[:keep]
    found = shared([prompts()[index] for index in chosen], max_rows=max_rows)
    expected = tokens(plainly("qwen2", SAMPLING.temperature))
    assert tokens(found) == [expected[index] for index in chosen]


@settings(max_examples=12)
@given(st.integers(0, 9))
def test_where_a_prompt_is_cut_into_trunk_and_tail_changes_nothing(cut):
    row = tuple(range(30, 39))
    whole = sample_plainly(MODEL, STOPS, [Prompt(trunk=row, key=3)], SAMPLING)
    found = shared([Prompt(trunk=row[:cut], tail=row[cut:], key=3), prompts()[0]])
    assert tokens(found)[0] == tokens(whole)[0]


@settings(max_examples=10)
@given(st.lists(st.tuples(ids(1, 10), ids(0, 5)), min_size=1, max_size=5), st.integers(0, 2**64 - 1))
def test_any_prompts_sample_alike_on_both_paths(shapes, key):
    found = [Prompt(trunk=trunk, tail=tail, key=key ^ index) for index, (trunk, tail) in enumerate(shapes)]
    assert tokens(shared(found)) == tokens(sample_plainly(MODEL, STOPS, found, SAMPLING))


@pytest.mark.parametrize("small", [0, 5, 100])
def test_waves_that_shrink_run_as_one_and_draw_the_same_tokens(architecture, small, monkeypatch):
    monkeypatch.setattr(decoding, "SMALL", small)
    joins = []
    join = BranchCache.join
    monkeypatch.setattr(BranchCache, "join", lambda caches: joins.append(len(caches)) or join(caches))
    model, found = tiny_model(architecture), prompts()
    rows = [Row(prompt, SAMPLING.temperature, SAMPLING.max_tokens) for prompt in found]
    with torch.no_grad(), tree_attention(model):
        flight = Flight(model, STOPS)
        late = list(rows)
        while flight.busy or late:
            flight.add(late[:2])
            late = late[2:]
            for _ in range(3):
                if flight.busy:
                    flight.step()
    assert tokens(rows) == tokens(plainly(architecture, SAMPLING.temperature))
    assert bool(joins) == (small > 0)


def test_equal_keys_give_equal_tokens_and_other_keys_others():
    base = Prompt(trunk=(1, 2, 3), key=7)
    found = tokens(shared([base, base, Prompt(trunk=(1, 2, 3), key=8)]))
    assert found[0] == found[1] != found[2]


def test_rows_end_at_their_first_stop_token_or_at_the_limit():
    for row in shared(prompts()):
        ends = [token in STOPS for token in row.token_ids]
        assert not any(ends[:-1])
        assert ends[-1] or len(row.token_ids) == SAMPLING.max_tokens
        assert len(row.token_ids) == len(row.logprobs)


def test_every_row_that_ends_at_once_is_one_token_long():
    everything = frozenset(range(272))
    assert [len(row.token_ids) for row in shared(prompts(), stops=everything)] == [1] * 8


def test_greedy_takes_the_first_of_the_likeliest():
    chosen, logprobs = draw(torch.tensor([[0.0, 2.0, 2.0]]), [1], [0], 0.0)
    assert chosen == [1]
    assert logprobs == pytest.approx([torch.tensor([0.0, 2.0, 2.0]).log_softmax(-1)[1].item()])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_drawn_tokens_follow_the_distribution(temperature):
    logits = torch.tensor([0.0, 1.0, -1.0, 2.0, -torch.inf])
    size = 20_000
    keys = [rng.key("draw", index) for index in range(size)]
    chosen, logprobs = draw(logits.expand(size, -1), keys, [0] * size, temperature)
    p = (logits / temperature).softmax(-1).double().numpy()
    counts = np.bincount(chosen, minlength=5)
    assert counts[4] == 0
    chi_squared = ((counts[:4] - size * p[:4]) ** 2 / (size * p[:4])).sum()
    assert chi_squared < 21.1  # 3 degrees of freedom: p < 1e-4
    assert logprobs[:50] == pytest.approx([float(np.log(p[token])) for token in chosen[:50]], abs=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_importance_ratios_to_another_model_average_to_one(temperature):
    """Recorded log-probabilities are those of the distribution that was drawn from, temperature included."""
    other, row = tiny_model(seed=5), (3, 1, 4)
    size = 6_000
    found = [Prompt(trunk=row, key=rng.key("ratio", index)) for index in range(size)]
    rows = shared(found, sampling=Sampling(max_tokens=1, temperature=temperature))
    with torch.no_grad():
        theirs = (other(torch.tensor([row])).logits[0, -1] / temperature).log_softmax(-1)
        ours = (MODEL(torch.tensor([row])).logits[0, -1] / temperature).log_softmax(-1)
    mixed = torch.logaddexp(theirs, ours) - np.log(2)  # has bounded ratios to ours
    ratios = np.array([float((mixed[r.token_ids[0]] - r.logprobs[0]).exp()) for r in rows])
    assert abs(ratios.mean() - 1) < 4 * ratios.std() / size**0.5
    assert ratios.std() > 0.1


def test_half_precision_sampling_scores_as_training_does():
    policy = tiny_policy(precision="bf16")
    found = policy.sample(prompts(), SAMPLING)
    for prompt, completion in itertools.islice(zip(prompts(), found, strict=True), 3):
        row = torch.tensor([[*prompt.ids, *completion.token_ids]])
        with torch.no_grad(), policy.autocast():
            logprobs = policy.model(row).logits[0].float().log_softmax(-1)
        start = len(prompt.ids)
        again = [logprobs[start + at - 1, token].item() for at, token in enumerate(completion.token_ids)]
        assert completion.logprobs == pytest.approx(again, abs=0.15)


@pytest.mark.parametrize("bound", [1, 9, 1000])
def test_trunks_read_in_blocks_give_the_same_rows(architecture, bound, monkeypatch):
    prompts = [Prompt(trunk=tuple(range(3, 5 + length)), key=length) for length in (3, 9, 4, 4, 1)]
    sampler = SharedSampler(tiny_policy(architecture).model, frozenset())
    wanted = sampler.sample(prompts, Sampling(max_tokens=6))
    read = []
    right = reading.TrunkRecorder
    monkeypatch.setattr(reading, "TrunkRecorder", lambda ids, device: read.append(list(ids)) or right(ids, device))
    monkeypatch.setattr(reading, "READ_TOKENS", bound)
    found = sampler.sample(prompts, Sampling(max_tokens=6))
    assert [row.token_ids for row in found] == [row.token_ids for row in wanted]
    assert all(len(block) == 1 or sum(map(len, block)) <= bound for block in read)
    assert sorted(ids for block in read for ids in block) == sorted({prompt.trunk for prompt in prompts})
