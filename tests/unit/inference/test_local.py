import math

import pytest
import torch
from tiny_models import byte_tokenizer, tiny_model, tiny_policy

from secondthought import rng
from secondthought.errors import PolicyError
from secondthought.inference.decoding import SharedSampler
from secondthought.inference.local import LocalPolicy
from secondthought.types import Message, Prompt, Sampling, StopReason

QUESTION = [Message(role="user", content="2 + 2 ?")]


def prompts(policy, count=3):
    trunk = policy.start(QUESTION)
    return [Prompt(trunk=trunk, key=rng.key("hf", index)) for index in range(count)]


def test_recorded_logprobs_equal_rescored_ones(architecture, checkpoints):
    policy = LocalPolicy.load(checkpoints / architecture, device="cpu")
    sampling = Sampling(max_tokens=12, temperature=0.8)
    for prompt, completion in zip(prompts(policy), policy.sample(prompts(policy), sampling), strict=True):
        row = [*prompt.ids, *completion.token_ids]
        with torch.no_grad():
            logprobs = (policy.model(torch.tensor([row])).logits[0] / 0.8).log_softmax(-1)
        wanted = [logprobs[at - 1, row[at]].item() for at in range(len(prompt.ids), len(row))]
        assert completion.logprobs == pytest.approx(wanted, abs=1e-4)


def test_greedy_logprobs_are_of_the_unscaled_distribution(policy):
    (completion,) = policy.sample(prompts(policy, 1), Sampling(max_tokens=1, temperature=0.0))
    with torch.no_grad():
        logits = policy.model(torch.tensor([prompts(policy, 1)[0].ids])).logits[0, -1]
    assert completion.token_ids == (int(logits.argmax()),)
    assert completion.logprobs[0] == pytest.approx(logits.log_softmax(-1).max().item(), abs=1e-5)


def test_a_saved_policy_samples_the_same_and_has_the_same_fingerprint(policy, tmp_path):
    policy.save(tmp_path / "checkpoint")
    again = LocalPolicy.load(tmp_path / "checkpoint", device="cpu")
    sampling = Sampling(max_tokens=8)
    assert again.sample(prompts(again), sampling) == policy.sample(prompts(policy), sampling)
    assert again.fingerprint() == policy.fingerprint()
    assert sorted(path.suffix for path in (tmp_path / "checkpoint").iterdir() if path.stat().st_size > 50_000) == [
        ".safetensors"
    ]


def test_other_templates_have_other_fingerprints(policy):
    other = LocalPolicy(tiny_model(), byte_tokenizer(template=None), name="base")
    assert other.fingerprint() != policy.fingerprint()


def test_stop_reasons_are_honest_and_the_end_is_not_text(policy):
    policy.stop_ids = frozenset(range(0, 272, 8))
    found = policy.sample(prompts(policy, 40), Sampling(max_tokens=6))
    assert {completion.stop for completion in found} == {StopReason.END, StopReason.LENGTH}
    for completion in found:
        ended = completion.token_ids[-1] in policy.stop_ids
        assert completion.stop is (StopReason.END if ended else StopReason.LENGTH)
        said = completion.token_ids[:-1] if ended else completion.token_ids
        assert completion.text == policy.chat.decode(said)
        assert ended or len(completion.token_ids) == 6


def test_sampled_tokens_are_counted(policy):
    found = policy.sample(prompts(policy), Sampling(max_tokens=5))
    policy.sample(prompts(policy), Sampling(max_tokens=5), share=False)
    assert policy.num_sampled == 2 * sum(len(completion.token_ids) for completion in found)


def test_nothing_asked_nothing_sampled(policy):
    assert policy.sample([], Sampling()) == []


def test_an_encoded_text_was_not_sampled_and_says_so(policy):
    completion = policy.encode("try 8 * 3")
    assert completion.text == "try 8 * 3"
    assert all(math.isnan(value) for value in completion.logprobs)
    assert completion.token_ids[-1] == policy.chat.end_of_turn
    assert policy.follow(completion, "Why?")[0] != policy.chat.end_of_turn


def test_every_end_that_the_checkpoint_names_stops_a_completion():
    model = tiny_model()
    model.generation_config.eos_token_id = [256, 258]
    model.config.eos_token_id = 257
    assert LocalPolicy(model, byte_tokenizer(), name="x").stop_ids == frozenset({256, 257, 258})


def test_a_conversation_beyond_the_models_positions_is_refused_with_the_remedy(policy):
    with pytest.raises(PolicyError, match=r"of 513 tokens exceeds the model's 512 positions; lower episode"):
        policy.sample([Prompt(trunk=(1,) * 500, key=0)], Sampling(max_tokens=13))
    assert len(policy.sample([Prompt(trunk=(1,) * 500, key=0)], Sampling(max_tokens=12))) == 1


def test_an_empty_prompt_is_refused(policy):
    with pytest.raises(PolicyError, match="empty prompt"):
        policy.sample([Prompt(trunk=(), key=0)], Sampling(max_tokens=2))


def test_a_missing_checkpoint_is_one_sentence(tmp_path):
    with pytest.raises(PolicyError, match=r"no checkpoint here \(a directory with config.json"):
        LocalPolicy.load(tmp_path)


def test_a_checkpoint_that_is_no_language_model_is_one_sentence(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "no-such-model"}')
    with pytest.raises(PolicyError, match="cannot be loaded as a causal language model") as caught:
        LocalPolicy.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_dropout_is_off_for_good():
    model = tiny_model()
    model.train()
    assert not LocalPolicy(model, byte_tokenizer(), name="x").model.training


def test_weights_are_fp32_and_bf16_is_autocast_over_them(checkpoints):
    policy = LocalPolicy.load(checkpoints / "qwen2", precision="bf16", device="cpu")
    assert {parameter.dtype for parameter in policy.model.parameters()} == {torch.float32}
    with policy.autocast():
        assert (torch.ones(1, 1) @ torch.ones(1, 1)).dtype == torch.bfloat16


@pytest.mark.parametrize("rope_type", ["longrope", "dynamic"])
def test_a_conversation_must_not_cross_the_length_at_which_its_positions_change(rope_type):
    policy = tiny_policy()
    policy.model.config.rope_parameters = {"rope_type": rope_type, "original_max_position_embeddings": 40}
    prompt = Prompt(trunk=tuple(range(30)), key=1)
    assert policy.unshared_reason is None
    assert policy.sample([prompt], Sampling(max_tokens=10))
    with pytest.raises(PolicyError, match="41 tokens exceeds the 40 positions up to which its rotary embedding"):
        policy.sample([prompt], Sampling(max_tokens=11))


def test_the_fallback_samples_by_the_plain_path(policy, monkeypatch):
    wanted = policy.sample(prompts(policy), Sampling(max_tokens=6))
    policy.unshared_reason = "as a test"
    monkeypatch.setattr(SharedSampler, "sample", None)
    found = policy.sample(prompts(policy), Sampling(max_tokens=6))
    assert [completion.token_ids for completion in found] == [completion.token_ids for completion in wanted]


def test_tiny_policies_of_all_architectures_share(architecture):
    assert tiny_policy(architecture).unshared_reason is None
