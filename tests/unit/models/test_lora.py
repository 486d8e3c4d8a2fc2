"""Adapters: exact before training and switched off, alone in files, and refused where they cannot be right."""

import importlib
import json

import pytest
import torch
from safetensors.torch import load_file
from tiny_models import byte_tokenizer, tiny_model, tiny_policy

from secondthought import rng
from secondthought.config import LoraConfig, ModelConfig, RunConfig
from secondthought.errors import ConfigError, PolicyError
from secondthought.inference.loading import load_policy
from secondthought.models import lora, shipped
from secondthought.models.loading import base_name
from secondthought.types import Prompt, Sampling

IDS = torch.arange(5, 40)[None]
CONFIG = LoraConfig(rank=4)
PROMPTS = [Prompt(trunk=(1, 2, 3, 4), key=rng.key("lora", number)) for number in range(4)]


def logits(model):
    with torch.no_grad():
        return model(input_ids=IDS, use_cache=False).logits


def adapted(architecture="qwen2", config=CONFIG):
    policy = tiny_policy(architecture)
    policy.adapter = lora.add(policy.model, config, base="nowhere")
    return policy


def disturb(policy, by=0.05):
    """As if it had been trained."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in policy.model.parameters():
            if parameter.requires_grad:
                parameter.add_(by * torch.randn(parameter.shape, generator=generator))


def load(path, **settings):
    return load_policy(ModelConfig(path=str(path), device="cpu", **settings))


@pytest.fixture
def trained(checkpoints, tmp_path):
    """A disturbed adapter over a checkpoint on disk, as a policy and as a directory."""
    policy = load(checkpoints / "qwen2", lora=CONFIG)
    disturb(policy)
    policy.save(tmp_path / "adapter")
    return policy, tmp_path / "adapter"


def test_before_training_and_switched_off_it_is_the_base_to_the_bit(architecture):
    base, policy = logits(tiny_model(architecture)), adapted(architecture)
    assert torch.equal(logits(policy.model), base)
    disturb(policy)
    changed = logits(policy.model)
    assert not torch.allclose(changed, base, atol=1e-2)
    with policy.adapter.switched_off():
        assert torch.equal(logits(policy.model), base)
    assert torch.equal(logits(policy.model), changed)


def test_only_the_matrices_train(architecture):
    policy = adapted(architecture)
    names = {name for name, parameter in policy.model.named_parameters() if parameter.requires_grad}
    assert names == {name for name, _ in policy.model.named_parameters() if ".lora_" in name}
    layers = {name.split(".lora_")[0] for name in names}
    linear = {name for name, module in tiny_model(architecture).named_modules() if isinstance(module, torch.nn.Linear)}
    assert layers == linear - {"lm_head"}
    with policy.adapter.switched_off():
        pass
    assert names == {name for name, parameter in policy.model.named_parameters() if parameter.requires_grad}


def test_first_values_follow_the_seed_and_no_global_state():
    one, same, other = tiny_policy(), tiny_policy(), tiny_policy()
    state = torch.get_rng_state()
    for policy, seed in ((one, 0), (same, 0), (other, 1)):
        lora.add(policy.model, LoraConfig(rank=4, seed=seed), base="nowhere")
    assert torch.equal(torch.get_rng_state(), state)
    values = [dict(policy.model.named_parameters()) for policy in (one, same, other)]
    first = [name for name in values[0] if ".lora_A." in name]
    assert all(torch.equal(values[0][name], values[1][name]) for name in first)
    assert not any(torch.equal(values[0][name], values[2][name]) for name in first)
    assert len({float(values[0][name].detach()[0, 0]) for name in first}) == len(first)


def test_scale_and_layers_are_those_of_the_settings():
    policy = adapted(config=LoraConfig(rank=2, alpha=8, target_modules=("q_proj", "down_proj")))
    layers = {name: module for name, module in policy.model.named_modules() if hasattr(module, "lora_A")}
    assert {name.split(".")[-1] for name in layers} == {"q_proj", "down_proj"}
    assert len(layers) == 4
    assert all(module.scaling["default"] == 4 for module in layers.values())


def test_merged_is_unmerged_and_ordinary(architecture, tmp_path):
    policy = adapted(architecture)
    disturb(policy)
    wanted = logits(policy.model)
    policy.merge()
    assert torch.allclose(logits(policy.model), wanted, rtol=1e-4, atol=1e-4)
    assert policy.adapter is None
    names = [name for name, _ in tiny_model(architecture).named_parameters()]
    assert [name for name, parameter in policy.model.named_parameters() if parameter.requires_grad] == names
    policy.save(tmp_path)
    assert torch.equal(logits(load(tmp_path).model), logits(policy.model))


def test_files_hold_the_adapter_alone(trained):
    policy, path = trained
    assert {file.name for file in path.iterdir()} == {lora.CONFIG, lora.WEIGHTS, lora.BASE}
    own = [parameter for parameter in policy.model.parameters() if parameter.requires_grad]
    tensors = load_file(path / lora.WEIGHTS)
    assert sum(value.numel() for value in tensors.values()) == sum(parameter.numel() for parameter in own)
    assert all(".lora_" in name for name in tensors)


def test_loaded_again_it_samples_the_same_tokens_with_the_same_logprobs(trained):
    policy, path = trained
    found, wanted = (one.sample(PROMPTS, Sampling(max_tokens=12)) for one in (load(path), policy))
    assert found == wanted
    assert wanted != load(lora.base_of(path)).sample(PROMPTS, Sampling(max_tokens=12))


def test_shared_and_plain_sampling_agree(trained):
    policy, _ = trained
    found = [policy.sample(PROMPTS, Sampling(max_tokens=12), share=share) for share in (True, False)]
    assert [done.token_ids for done in found[0]] == [done.token_ids for done in found[1]]


def test_peft_reads_our_files_and_we_read_peft_s(trained, tmp_path):
    peft = importlib.import_module("peft")
    policy, path = trained
    with pytest.warns(FutureWarning, match="is_gradient_checkpointing"):  # of peft's own
        theirs = peft.PeftModel.from_pretrained(tiny_model(), str(path))
    assert torch.equal(logits(theirs), logits(policy.model))
    theirs.save_pretrained(str(tmp_path / "theirs"), save_embedding_layers=False)
    assert torch.equal(logits(load(tmp_path / "theirs").model), logits(policy.model))


def test_an_adapter_names_its_base_so_that_it_is_found_again(checkpoints, tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "_MODELS", tmp_path / "models")
    tiny_model().save_pretrained(tmp_path / "models" / "small")
    byte_tokenizer().save_pretrained(tmp_path / "models" / "small")
    monkeypatch.chdir(checkpoints)
    assert (base_name("small"), base_name("somebody/model")) == ("small", "somebody/model")
    assert base_name("qwen2") == str((checkpoints / "qwen2").resolve())
    policy = load("small", lora=CONFIG)
    disturb(policy)
    policy.save(tmp_path / "adapter")
    assert lora.base_of(tmp_path / "adapter") == "small"
    monkeypatch.chdir(tmp_path)
    assert torch.equal(logits(load("adapter").model), logits(policy.model))


def test_a_loaded_adapter_goes_on_training_and_takes_no_second_one(trained):
    _, path = trained
    policy = load(path)
    assert policy.adapter is not None
    assert policy.name == str(path)
    assert all((".lora_" in name) == value.requires_grad for name, value in policy.model.named_parameters())
    with pytest.raises(ConfigError, match=r"model\.lora: .* is an adapter already; .*`secondthought merge`"):
        load(path, lora=CONFIG)


def test_dropout_of_an_adapter_from_elsewhere_is_off(trained):
    policy, path = trained
    change(path, lora_dropout=0.5)
    assert torch.equal(logits(load(path).model), logits(policy.model))


def change(path, **values):
    settings = json.loads((path / lora.CONFIG).read_text())
    (path / lora.CONFIG).write_text(json.dumps(settings | values))


def test_without_peft_one_sentence_names_the_extra(trained, checkpoints, monkeypatch):
    _, path = trained
    monkeypatch.setitem(importlib.import_module("sys").modules, "peft", None)
    for call in (lambda: load(checkpoints / "qwen2", lora=CONFIG), lambda: load(path)):
        with pytest.raises(ConfigError, match=r"pip install 'secondthought\[lora\]'"):
            call()
    assert load(checkpoints / "qwen2").adapter is None


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"peft_type": "IA3"}, "is not a LoRA adapter"),
        ({"bias": "all"}, r"changes more than low-rank matrices \(bias\)"),
        ({"modules_to_save": ["lm_head"]}, r"\(modules_to_save\)"),
        ({"init_lora_weights": "pissa"}, r"\(init_lora_weights\)"),
        ({"base_model_name_or_path": None}, "does not name its base model"),
        ({"base_model_name_or_path": "./nowhere"}, "the adapter's base model cannot be loaded: ./nowhere: no check"),
        ({"r": 8}, "its matrices are not those that adapter_config.json describes"),
        ({"target_modules": ["nothing"]}, "does not fit its base model"),
        ({"r": "2"}, r"adapter_config\.json: r: Input should be a valid integer; mend it"),
        ({"r": None}, r"adapter_config\.json: r: "),
        ({"lora_alpha": "x"}, r"adapter_config\.json: lora_alpha: Input should be a valid number"),
        ({"lora_alpha": float("nan")}, r"adapter_config\.json: lora_alpha: Input should be a finite number"),
        ({"lora_dropout": 2.0}, r"adapter_config\.json: lora_dropout: "),
        ({"target_modules": 3}, r"adapter_config\.json: target_modules"),
        ({"target_modules": "("}, r"target_modules: '\(' is no regular expression"),
        ({"rank_pattern": {"q_proj": "x"}}, r"rank_pattern\.q_proj: "),
        ({"layers_to_transform": "x"}, "layers_to_transform"),
        ({"use_rslora": "yes"}, "use_rslora: Input should be a valid boolean"),
        ({"task_type": "BLUB"}, "does not fit its base model .*: Invalid task type"),
    ],
)
def test_adapters_that_are_refused(trained, values, said):
    _, path = trained
    change(path, **values)
    with pytest.raises(PolicyError, match=said):
        load(path)


def test_damaged_files_are_named(trained):
    _, path = trained
    (path / lora.WEIGHTS).write_bytes(b"nothing")
    with pytest.raises(PolicyError, match=r"adapter_model\.safetensors: cannot be read"):
        load(path)
    (path / lora.CONFIG).write_text("{")
    with pytest.raises(PolicyError, match=r"adapter_config\.json: is not a valid JSON file"):
        load(path)


def test_a_base_that_was_trained_anew_is_noticed(trained, tmp_path):
    _, path = trained
    tiny_model(seed=1).save_pretrained(tmp_path / "anew")
    byte_tokenizer().save_pretrained(tmp_path / "anew")
    change(path, base_model_name_or_path=str(tmp_path / "anew"))
    with pytest.raises(PolicyError, match="was trained on other weights than its base model"):
        load(path)


def test_an_adapter_on_an_adapter_is_refused(trained, tmp_path):
    _, path = trained
    (tmp_path / "second").mkdir()
    for name in (lora.CONFIG, lora.WEIGHTS):
        (tmp_path / "second" / name).write_bytes((path / name).read_bytes())
    change(tmp_path / "second", base_model_name_or_path=str(path))
    with pytest.raises(PolicyError, match="is an adapter itself"):
        load(tmp_path / "second")


@pytest.mark.parametrize(
    ("targets", "said"), [(("nothing",), "nothing"), (("embed_tokens",), "embed_tokens is the embedding")]
)
def test_layers_that_cannot_have_one(targets, said):
    with pytest.raises(ConfigError, match=rf"model\.lora\.target_modules: .*{said}"):
        adapted(config=LoraConfig(rank=2, target_modules=targets))


def test_settings_are_not_written_where_there_is_no_adapter():
    assert "lora" not in RunConfig().model_dump(mode="json")["model"]
    written = RunConfig(model={"lora": {"rank": 2}}).model_dump(mode="json")
    assert RunConfig.model_validate(written).model.lora == LoraConfig(rank=2)
