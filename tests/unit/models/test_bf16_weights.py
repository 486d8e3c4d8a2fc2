"""Weights in bf16: held or copied, every number is what autocast over weights in fp32 gives."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import byte_tokenizer, tiny_model, tiny_policy

from secondthought import rng
from secondthought.config import LoraConfig, ModelConfig
from secondthought.inference.loading import load_policy
from secondthought.models import bf16_weights, lora, packed_weights
from secondthought.models.local import LocalModel
from secondthought.models.tree_forward import TreeForward
from secondthought.train.critic.learner import value_model
from secondthought.trees import TokenTree, TreeBranch
from secondthought.types import Prompt, Sampling

PROMPTS = [Prompt(trunk=(1, 2, 3, 4), tail=(7,) * (number % 2), key=rng.key("held", number)) for number in range(5)]
LORA = LoraConfig(rank=4)
PLAIN = ("qwen2", "qwen3", "llama", "phi3")
"""Architectures whose embeddings are plain; the others scale what they look up."""


def stored(directory, architecture="qwen2", dtype=torch.bfloat16, *, tied=False):
    model = tiny_model(architecture)
    if tied:
        model.config.tie_word_embeddings = True
        model.tie_weights()
    model.to(dtype).save_pretrained(directory)
    byte_tokenizer().save_pretrained(directory)
    return directory


def load(directory, *, learns, precision="bf16", **settings):
    return load_policy(ModelConfig(path=str(directory), precision=precision, device="cpu", **settings), learns=learns)


def disturb(model):
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))


def sampled(policy):
    return policy.sample(PROMPTS, Sampling(max_tokens=8))


def loss_of(policy):
    branch = TreeBranch(
        token_ids=(9, 10), old_logprobs=(0.0, 0.0), advantages=(1.0, 1.0), learns=(True, True), anchored=(False, False)
    )
    tree = TokenTree(trunk=(1, 2, 3), trunk_anchored=(False,) * 3, branches=(branch,))
    with policy.autocast():
        logits = TreeForward([tree], policy.device, share=True).logits(policy.model)
    return logits.float().log_softmax(-1)[:, 5].sum()


@pytest.mark.parametrize("tied", [False, True])
def test_held_weights_sample_the_same_tokens_to_the_bit(architecture, tied, tmp_path):
    path = stored(tmp_path, architecture, tied=tied)
    held, wide = load(path, learns=False), load(path, learns=True)
    assert bf16_weights.is_held(held.model)
    assert {parameter.dtype for parameter in wide.model.parameters()} == {torch.float32}
    assert sampled(held) == sampled(wide)
    assert held.sum_of_weights() == wide.sum_of_weights()


@pytest.mark.parametrize("architecture", PLAIN)
def test_matrices_are_held_in_bf16_and_all_else_in_fp32(architecture, tmp_path):
    model = load(stored(tmp_path, architecture), learns=False).model
    for name, parameter in model.named_parameters():
        assert parameter.dtype == (torch.bfloat16 if parameter.dim() == 2 else torch.float32), name
    assert torch.bfloat16 not in {buffer.dtype for buffer in model.buffers()}
    wide = load(tmp_path, learns=True).model
    assert all(torch.equal(one, other) for one, other in zip(model.buffers(), wide.buffers(), strict=True))


@pytest.mark.parametrize("architecture", ["gemma", "gemma3-window"])
def test_an_embedding_that_scales_is_left_in_fp32_with_its_scale(architecture, tmp_path):
    model = load(stored(tmp_path, architecture), learns=False).model
    wide = load(tmp_path, learns=True).model
    scales = [(x, y) for x, y in zip(model.buffers(), wide.buffers(), strict=True) if not x.dim()]
    assert all(torch.equal(one, other) for one, other in scales)


def test_weights_in_fp32_are_held_as_they_are(tmp_path):
    policy = load(stored(tmp_path, dtype=torch.float32), learns=False)
    assert {parameter.dtype for parameter in policy.model.parameters()} == {torch.float32}


def test_a_file_of_both_kinds_loses_no_digit(tmp_path):
    stored(tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    tensors["model.norm.weight"] = torch.full((32,), 1.0001)
    tensors["model.layers.0.mlp.up_proj.weight"] = torch.full((48, 32), 0.30001)
    save_file(tensors, file, metadata={"format": "pt"})
    found = dict(load(tmp_path, learns=False).model.named_parameters())
    for name in ("model.norm.weight", "model.layers.0.mlp.up_proj.weight"):
        assert torch.equal(found[name], tensors[name])
    assert found["model.layers.0.mlp.gate_proj.weight"].dtype == torch.bfloat16


@pytest.mark.parametrize("tied", [False, True])
def test_an_adapter_over_held_weights_learns_and_samples_the_same_to_the_bit(tied, tmp_path):
    path = stored(tmp_path, tied=tied)
    held = load(path, learns=True, lora=LORA)
    wide = tiny_policy(precision="bf16")
    wide.model = load(path, learns=True).model
    wide.adapter = lora.add(wide.model, LORA, base="nowhere")
    for policy in (held, wide):
        disturb(policy.model)
        loss_of(policy).backward()
    assert bf16_weights.is_held(held.model)
    learned = [parameter for parameter in held.model.parameters() if parameter.requires_grad]
    assert {parameter.dtype for parameter in learned} == {torch.float32}
    wanted = [parameter.grad for parameter in wide.model.parameters() if parameter.requires_grad]
    assert all(torch.equal(one.grad, other) for one, other in zip(learned, wanted, strict=True))
    assert sampled(held) == sampled(wide)


def test_an_adapter_of_one_precision_is_read_in_the_other(tmp_path):
    path = stored(tmp_path / "base")
    trained = load(path, learns=True, lora=LORA, precision="fp32")
    disturb(trained.model)
    trained.save(tmp_path / "adapter")
    held = load(tmp_path / "adapter", learns=True)
    assert bf16_weights.is_held(held.model)
    held.save(tmp_path / "again")
    assert load(tmp_path / "again", learns=True, precision="fp32").sum_of_weights() == trained.sum_of_weights()


def test_a_merge_is_that_of_weights_in_fp32(tmp_path):
    path = stored(tmp_path)
    held, wide = (load(path, learns=True, lora=LORA, precision=precision) for precision in ("bf16", "fp32"))
    for policy in (held, wide):
        disturb(policy.model)
        policy.merge()
    assert held.sum_of_weights() == wide.sum_of_weights()
    assert {parameter.dtype for parameter in held.model.parameters()} == {torch.float32}


def test_what_is_saved_is_in_fp32_and_the_same(tmp_path):
    held = load(stored(tmp_path / "one"), learns=False)
    before = held.sum_of_weights()
    held.save(tmp_path / "two")
    assert {value.dtype for value in load_file(tmp_path / "two" / "model.safetensors").values()} == {torch.float32}
    assert load(tmp_path / "two", learns=True).sum_of_weights() == before


def test_over_held_weights_fp32_is_still_to_be_had(tmp_path):
    path = stored(tmp_path)
    held, wide = load(path, learns=True, lora=LORA), load(path, learns=True, lora=LORA, precision="fp32")
    held.precision = "fp32"
    assert torch.equal(loss_of(held), loss_of(wide))


def test_a_critic_s_head_is_in_fp32_over_held_weights(tmp_path):
    held = load(stored(tmp_path), learns=True, lora=LORA)
    assert value_model(held.model).get_output_embeddings().weight.dtype == torch.float32


@pytest.fixture
def copied(monkeypatch):
    """Where matrices cannot be laid out, sampling reads copies."""
    monkeypatch.setattr(packed_weights, "available", lambda device_type: False)


def test_copies_are_of_the_weights_as_they_are_and_go_again(architecture, copied):
    policy = tiny_policy(architecture, precision="bf16")
    own = list(policy.model.parameters())
    first = sampled(policy)
    disturb(policy.model)
    assert sampled(policy) != first
    assert all(one is other for one, other in zip(policy.model.parameters(), own, strict=True))
    with policy.flow() as flow:
        flow.add(PROMPTS, Sampling(max_tokens=2))
        linear = [module.weight for module in policy.model.modules() if isinstance(module, torch.nn.Linear)]
        assert {weight.dtype for weight in linear} == {torch.bfloat16}
        assert sampled(policy)  # another call inside goes by the same copies
        assert linear[0].dtype == torch.bfloat16
    assert all(one is other for one, other in zip(policy.model.parameters(), own, strict=True))


def test_copies_change_no_number(architecture, copied, monkeypatch):
    policy = tiny_policy(architecture, precision="bf16")
    found = sampled(policy)
    made = bf16_weights.copies
    monkeypatch.setattr(bf16_weights, "copies", lambda model: made(torch.nn.Identity()))
    assert sampled(policy) == found


def test_copies_go_also_where_sampling_fails():
    policy = tiny_policy(precision="bf16")
    own = list(policy.model.parameters())
    with pytest.raises(KeyError), bf16_weights.copies(policy.model):
        raise KeyError
    assert all(one is other for one, other in zip(policy.model.parameters(), own, strict=True))


def test_in_fp32_nothing_is_copied():
    policy = tiny_policy()
    with policy.flow():
        assert {parameter.dtype for parameter in policy.model.parameters()} == {torch.float32}


def test_local_models_hold_only_what_is_frozen(tmp_path):
    path = stored(tmp_path)
    assert not bf16_weights.is_held(LocalModel.load(path, precision="bf16").model)
    assert not bf16_weights.is_held(LocalModel.load(path, precision="fp32", frozen=True).model)
    assert bf16_weights.is_held(LocalModel.load(path, precision="bf16", frozen=True).model)
