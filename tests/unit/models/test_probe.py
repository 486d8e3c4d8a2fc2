"""What no path may be taken for: each architecture samples and trains as its own forward says, or is refused."""

import contextlib
import logging
import math

import pytest
import torch
from architectures import odd_model, odd_policy
from tiny_models import ARCHITECTURES, byte_tokenizer, tiny_model, tiny_policy

from secondthought import rng
from secondthought.config import LoraConfig
from secondthought.errors import PolicyError
from secondthought.inference.decoding import SharedSampler
from secondthought.inference.local import LocalPolicy
from secondthought.inference.sampling_paths import cached_sampling, shared_sampling
from secondthought.models import lora, probe
from secondthought.models.probe import PathProbe, Readings, plain_training, shared_training
from secondthought.models.tree_attention import PackedTrees
from secondthought.models.tree_forward import TreeForward
from secondthought.types import Prompt, Sampling

TOKENS = range(20, 200)
ODD = {
    "gpt_oss": "setting that shared trunks do not know (s_aux)",
    "diffllama": "log-probabilities of a few tokens differ by",
    "mamba": "log-probabilities of a few tokens differ by",
    "jamba": "log-probabilities of a few tokens differ by",
    "qwen3_next": "log-probabilities of a few tokens differ by",
    "rwkv": "log-probabilities of a few tokens differ by",
    "bloom": "log-probabilities of a few tokens differ by",
    "llama4_text": "(chunked_attention) may attend by a rule that shows on longer texts alone",
    "stablelm": "do not pass extra arguments on to attention",
    "recurrent_gemma": "log-probabilities of a few tokens differ by",
}
"""Architectures that cannot share, and what is said of them."""
SHARE = ("gpt2", "opt", "olmo2", "deepseek_v3", "qwen3_moe", "gemma3n_text", "cohere2")


def probe_of(model, precision="fp32", **limits):
    return PathProbe(model, TOKENS, tiny_policy(precision=precision).autocast, **limits)


def own_logprobs(policy, ids, temperature=1.0):
    with torch.no_grad():
        logits = policy.model(torch.tensor([ids]), use_cache=False).logits[0]
    return (logits.float() / temperature).log_softmax(-1)


def sampled_as_rescored(policy, *, share=True):
    trunk = tuple(int(x) for x in torch.arange(30) * 5 % 200 + 20)
    prompts = [Prompt(trunk=trunk, tail=tuple(range(40, 40 + n)), key=rng.key("odd", n)) for n in range(3)]
    for prompt, said in zip(prompts, policy.sample(prompts, Sampling(max_tokens=8), share=share), strict=True):
        found = own_logprobs(policy, [*prompt.ids, *said.token_ids])
        wanted = [found[len(prompt.ids) + at - 1, token].item() for at, token in enumerate(said.token_ids)]
        assert said.logprobs == pytest.approx(wanted, abs=2e-3)


@pytest.mark.parametrize("name", ODD)
def test_what_an_architecture_does_not_survive_takes_a_path_that_is_right(name, caplog):
    with caplog.at_level(logging.WARNING):
        policy = odd_policy(name)
        assert ODD[name] in policy.unshared_reason
        sampled_as_rescored(policy)
        assert not policy.shares(True)
    assert caplog.text.count(f"{name}: trunks are not shared: ") == 1


@pytest.mark.parametrize("name", SHARE)
def test_many_others_share_exactly(name):
    policy = odd_policy(name)
    assert policy.unshared_reason is None
    assert policy.shares(True)
    assert not policy.shares(False)
    sampled_as_rescored(policy)
    sampled_as_rescored(policy, share=False)


def test_without_a_cache_that_works_the_whole_text_is_read_again(caplog):
    policy = odd_policy("recurrent_gemma")
    with caplog.at_level(logging.WARNING):
        policy.measure_paths()
    assert "recurrent_gemma: is sampled without a cache, which takes far longer: its forward gives back" in caplog.text
    sampled_as_rescored(policy)


def test_a_model_that_sees_later_tokens_is_refused_when_it_is_first_used():
    policy = odd_policy("prophetnet")
    with pytest.raises(PolicyError, match=r"^prophetnet: .* when more tokens follow it: it is no causal language mod"):
        policy.sample([Prompt(trunk=(30, 31), key=1)], Sampling(max_tokens=2))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_all_four_paths_are_right_for_what_is_supported(architecture, precision):
    found = probe_of(tiny_model(architecture), precision)
    for path in (shared_training, plain_training, shared_sampling, cached_sampling):
        measured = found.measure(path)
        assert measured.is_right, (path, measured)


@pytest.mark.parametrize("name", ["qwen2", "gemma2-window-capped"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_faults_are_found_in_both_precisions(name, precision, monkeypatch):
    """Keys of a trunk are off by one token: a small fault among many."""
    right = PackedTrees.attend

    def off(self, layer, query, key, value, rule):
        return right(self, layer, query, key.roll(1, 2), value, rule)

    found = probe_of(tiny_model(name), precision)
    monkeypatch.setattr(PackedTrees, "attend", off)
    assert not found.measure(shared_training).is_right
    assert not found.measure(shared_sampling).is_right
    assert found.measure(plain_training).is_right


def test_a_fault_of_autocast_alone_is_found():
    def in_bf16_other(model, tree):
        places, logits, _ = plain_training(model, tree)
        return Readings(places, logits + torch.is_autocast_enabled("cpu") * 1.5 * (torch.arange(272) % 2))

    assert probe_of(tiny_model()).measure(in_bf16_other).is_right
    assert not probe_of(tiny_model(), "bf16").measure(in_bf16_other).is_right


def test_a_difference_that_matters_in_training_is_none_of_rounding():
    found = probe_of(tiny_model())

    def nearly(model, tree, by):
        places, logits, _ = plain_training(model, tree)
        return Readings(places, logits + by * (torch.arange(272) % 2))

    assert found.measure(lambda model, tree: nearly(model, tree, 1e-6)).is_right
    assert not found.measure(lambda model, tree: nearly(model, tree, 5e-3)).is_right
    assert not found.measure(lambda model, tree: nearly(model, tree, math.nan)).is_right


def test_the_trunk_leaves_a_window_where_that_is_cheap():
    window = tiny_model("mistral-window").config.sliding_window
    assert len(probe.tree_for(tiny_model("mistral-window"), TOKENS).trunk) > window
    model = tiny_model("mistral-window")
    model.config.sliding_window = 300
    assert len(probe.tree_for(model, TOKENS).trunk) == 303
    model.config.sliding_window = 4096
    assert len(probe.tree_for(model, TOKENS).trunk) == 20


def test_a_window_that_no_layer_passes_on_is_not_believed():
    """The probe is too short to show it, so config and layers must agree."""
    model = tiny_model("mistral-window")
    for layer in model.model.layers:
        layer.self_attn.config = None
    model.config.sliding_window = 4096
    policy = LocalPolicy(model, byte_tokenizer(), name="odd")
    reason = probe.unseen(model, {0: 4096, 1: None}, 26)
    assert reason == "its config gives layer 1 a window of 4096, and that layer attends by one of None"
    assert probe.unseen(model, {0: 4096, 1: 4096}, 26) is None
    assert policy is not None


@pytest.mark.parametrize("limit", [2, 3, 5, 9])
def test_few_positions_are_enough(limit):
    model = odd_model("gpt2")
    found = probe_of(model, limit=limit)
    rows = [len(found.tree.trunk) + len(branch.token_ids) for branch in found.tree.branches]
    assert max(rows) <= limit
    for path in (shared_training, plain_training, shared_sampling, cached_sampling):
        assert found.measure(path).is_right


def test_an_adapter_is_measured_with_its_model():
    policy = tiny_policy()
    policy.adapter = lora.add(policy.model, LoraConfig(rank=2), base="x")
    for name, value in policy.model.named_parameters():
        if ".lora_B." in name:
            torch.nn.init.constant_(value, 0.1)
    assert policy.unshared_reason is None
    assert policy.uncached_reason is None


def test_a_path_of_its_own_accord_takes_trunks_apart_in_sampling_too(policy, monkeypatch):
    policy.share_trunk = False
    monkeypatch.setattr(SharedSampler, "sample", None)
    sampled_as_rescored(policy)
    with policy.flow() as flow:
        flow.add([Prompt(trunk=(30, 31), key=1)], Sampling(max_tokens=2))
        assert len(flow.step()) == 1  # a batch at once, not token by token


def test_padding_that_changes_a_row_refuses_training(monkeypatch):
    policy = tiny_policy()
    policy.unshared_reason = "as a test"
    right = TreeForward._places.fget

    def rolled(forward):
        rows, columns = right(forward)
        return [*rows[1:], rows[0]], [*columns[1:], columns[0]]

    monkeypatch.setattr(TreeForward, "_places", property(rolled))
    with pytest.raises(PolicyError, match="tiny-qwen2: cannot be trained, also without shared trunks: log-prob"):
        policy.shares(True)


def test_one_weight_that_is_no_number_is_named():
    policy = tiny_policy()
    with torch.no_grad():
        policy.model.model.layers[1].mlp.up_proj.weight[3, 4] = math.nan
    with pytest.raises(
        PolicyError, match=r"^tiny-qwen2: NaN, .* stands in model\.layers\.1\.mlp\.up_proj.weight: take"
    ):
        policy.sample([Prompt(trunk=(30, 31), key=1)], Sampling(max_tokens=2))


def test_numbers_that_are_lost_while_it_samples_stop_it_with_the_token():
    """What was measured at first may be broken by training, or overflow on other tokens."""
    policy = tiny_policy()
    policy.measure_paths()
    prompt = Prompt(trunk=(30, 31), key=1)
    assert policy.sample([prompt], Sampling(max_tokens=2))
    with torch.no_grad():
        policy.model.lm_head.weight[9, 0] = math.nan
    wanted = r"^tiny-qwen2: token 1 of a completion has no finite log-probability; NaN, .* in lm_head\.weight"
    for share in (True, False):
        policy._known.add("cached")
        with pytest.raises(PolicyError, match=wanted):
            policy.sample([prompt], Sampling(max_tokens=2), share=share)
    with pytest.raises(PolicyError, match=wanted):
        _flown(policy, prompt)


def _flown(policy, prompt):
    with policy.flow() as flow:
        flow.add([prompt], Sampling(max_tokens=2))
        return flow.step()


def test_it_takes_no_random_numbers_and_is_not_counted():
    policy = tiny_policy()
    before = torch.get_rng_state()
    assert policy.unshared_reason is None
    assert torch.equal(torch.get_rng_state(), before)
    assert policy.num_sampled == 0


def test_a_model_that_forbids_tokens_can_be_compared():
    def forbidding(module, given, out):
        out.logits[..., 5] = -torch.inf

    for name in sorted(ARCHITECTURES)[:2]:
        model = tiny_model(name)
        model.register_forward_hook(forbidding)
        assert PathProbe(model, TOKENS, contextlib.nullcontext).measure(shared_training).is_right
